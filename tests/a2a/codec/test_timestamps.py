"""Timestamps that agents send: what both bindings read stays as it is, and the rest never costs a finished task."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.codec.timestamps import correct_times, instant, utc

pytestmark = pytest.mark.requirement("agent.values")
READ = ["2026-11-29T04:00:00Z", "2026-11-29T04:00:00.123456789Z", "2026-11-29T06:00:00+02:00", "0001-01-01T00:00:00Z"]
OTHERS = {
    "2026-11-29T04:00:00": "2026-11-29T04:00:00Z",
    "2026-11-29T04:00:00.123456": "2026-11-29T04:00:00.123456Z",
    "2026-11-29 04:00:00": "2026-11-29T04:00:00Z",
    "2026-11-29 06:00:00+02:00": "2026-11-29T04:00:00Z",
    "2026-11-29t04:00:00z": "2026-11-29T04:00:00Z",
    "2026-11-29T04:00:00.1234567890Z": "2026-11-29T04:00:00.123456Z",
    "2026-11-29T04:00": "2026-11-29T04:00:00Z",
    "2026-11-29": "2026-11-29T00:00:00Z",
    " 2026-11-29T04:00:00Z ": "2026-11-29T04:00:00Z",
}
NO_TIMES = [
    *("", "yesterday", "2026-13-29T04:00:00Z", "0000-01-01T00:00:00Z", "2026-11-29T04:00:00+99:99", "9" * 100),
    *("9999-12-31T23:59:59-01:00", "2026-12-31T23:59:60Z", "٢٠٢٦-11-29T04:00:00Z", "1764390000"),
]


def task(**status: Any) -> dict[str, Any]:
    return {"id": "t", "status": {"state": "TASK_STATE_COMPLETED", **status}}


@pytest.mark.parametrize("text", READ)
def test_what_both_bindings_read_is_passed_on_as_it_is(text: str) -> None:
    assert utc(text) == text
    for tree in (task(timestamp=text), {"task": task(timestamp=text)}, {"statusUpdate": task(timestamp=text)}):
        assert correct_times(tree) is tree


@pytest.mark.parametrize(("text", "read"), OTHERS.items())
def test_a_time_without_a_zone_is_utc_and_other_forms_get_the_one_that_is_read(text: str, read: str) -> None:
    assert utc(text) == read
    assert correct_times({"task": task(timestamp=text)}) == {"task": task(timestamp=read)}
    assert correct_times({"statusUpdate": task(timestamp=text)}) == {"statusUpdate": task(timestamp=read)}
    assert correct_times(task(timestamp=text, message={"x": 1})) == task(timestamp=read, message={"x": 1})


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_left_out(text: str) -> None:
    assert correct_times(task(timestamp=text)) == task()


@pytest.mark.parametrize("tree", [None, [], "x", {}, task(), task(timestamp=7), {"status": []}, {"message": {}}])
def test_anything_else_is_left_to_the_check(tree: Any) -> None:
    assert correct_times(tree) is tree


@given(
    st.text(alphabet="0123456789-:.TZtz+ ", max_size=40)
    | st.datetimes().map(str)
    | st.datetimes().map(lambda d: d.isoformat())
)
def test_whatever_is_passed_on_protobuf_reads(text: str) -> None:
    found = utc(text)
    if found is not None:
        timestamp_pb2.Timestamp().FromJsonString(found)
        assert instant(found) is not None
