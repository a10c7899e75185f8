"""Who uses which version and which field."""

from __future__ import annotations

import pytest

from meshgate.gateway.contracts.message_shape import fields_of
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.gateway.contracts.usage_rows import merge_usage

NOW = 1_800_000_000.0


def test_fields_are_counted_by_their_paths_and_those_of_a_list_once() -> None:
    tree = {"city": "Bern", "wind": {"speed": 3, "gusts": [{"at": 1}, {"at": 2, "speed": 9}]}}
    assert fields_of(tree) == {"city", "wind", "wind.speed", "wind.gusts", "wind.gusts.at", "wind.gusts.speed"}
    assert fields_of("text") == fields_of(None) == set()
    deep: dict[str, object] = {"x": 1}
    for _ in range(50):
        deep = {"x": deep}
    assert max(fields_of(deep), key=len) == "x.x.x.x"


@pytest.mark.requirement("schema.usage")
def test_each_caller_has_a_row_for_each_version_it_speaks() -> None:
    times = iter([NOW, NOW + 1, NOW + 5, NOW + 9])
    usage = UsageCounter(100, 100, lambda: next(times))
    usage.note("w/f", "ann", "1.0.0", "input", "2.0.0", {"city": "Bern"})
    usage.note("w/f", "ann", "1.0.0", "input", "2.0.0", {"city": "Bern", "days": 2}, invalid=True)
    usage.note("w/f", "bob", "2.0.0", "input", "2.0.0", {})
    ann, bob = usage.rows("w/f")
    assert (ann.caller, ann.calls, ann.invalid, ann.fields) == ("ann", 2, 1, {"city": 2, "days": 1})
    assert (ann.first, ann.last, usage.since) == (NOW + 1, NOW + 5, NOW)
    assert (bob.caller, bob.version, bob.calls) == ("bob", "2.0.0", 1)
    assert usage.rows("w/other") == []


def test_what_is_kept_is_bounded_and_says_what_it_forgot() -> None:
    usage = UsageCounter(2, 3, lambda: NOW)
    for caller in ("a", "b", "a", "c"):
        usage.note("w/f", caller, "1.0.0", "input", "1.0.0", {f"x{number}": 1 for number in range(50)})
    assert [row.caller for row in usage.rows()] == ["a", "c"]
    assert all(len(row.fields) == 3 for row in usage.rows())
    assert usage.forgotten == 1


@pytest.mark.requirement("schema.usage")
def test_the_rows_of_all_gateways_are_summed() -> None:
    def gateway(now: float, *callers: str) -> UsageCounter:
        usage = UsageCounter(10, 10, lambda: now)
        for caller in callers:
            usage.note("w/f", caller, "1.0.0", "output", "2.0.0", {"city": 1})
        return usage

    merged = merge_usage([gateway(NOW, "ann", "bob").rows(), gateway(NOW + 7, "ann").rows()])
    assert [(row.caller, row.calls, row.fields, row.first, row.last) for row in merged] == [
        ("ann", 2, {"city": 2}, NOW, NOW + 7),
        ("bob", 1, {"city": 1}, NOW, NOW),
    ]
