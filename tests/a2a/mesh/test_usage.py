"""What agents say that their work took."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from meshgate.a2a.mesh.usage import adk_usage, reported_usage

pytestmark = pytest.mark.requirement("usage.read")


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ({"inputTokens": 11, "outputTokens": 3}, {"inputTokens": 11, "outputTokens": 3}),
        ({"inputTokens": 11.0, "costUsd": 0.5}, {"inputTokens": 11, "costUsd": 0.5}),
        ({"toolCalls": 2.0, "costUsd": 1, "model": "x"}, {"toolCalls": 2, "costUsd": 1}),
        ({"inputTokens": 0, "costUsd": 0}, {"inputTokens": 0, "costUsd": 0}),
        ({}, {}),
    ],
)
def test_a_report_is_read_whether_its_numbers_are_doubles_or_not(report: Any, found: Any) -> None:
    read = reported_usage({"meshgate/usage": report})
    assert read == found
    assert all(isinstance(value, int) for name, value in (read or {}).items() if name != "costUsd")


def test_a_report_that_went_through_protobuf_is_the_same() -> None:
    report = {"meshgate/usage": {"inputTokens": 11, "outputTokens": 3, "costUsd": 0.25, "toolCalls": 1}}
    doubles = json_format.MessageToDict(json_format.ParseDict(report, struct_pb2.Struct()))
    assert reported_usage(doubles) == report["meshgate/usage"]


def test_no_report_is_none() -> None:
    assert reported_usage({}) is None
    assert reported_usage({"meshgate/usage": None}) is None


@pytest.mark.parametrize(
    ("report", "why"),
    [
        ([], "it is no object"),
        (7, "it is no object"),
        ({"inputTokens": 1.5}, "inputTokens is no whole number"),
        ({"inputTokens": -1}, "inputTokens is no number of 0 or more"),
        ({"outputTokens": "7"}, "outputTokens is no number of 0 or more"),
        ({"toolCalls": True}, "toolCalls is no number of 0 or more"),
        ({"costUsd": float("inf")}, "costUsd is no number of 0 or more"),
        ({"costUsd": None}, "costUsd is no number of 0 or more"),
    ],
)
def test_a_report_that_cannot_be_read_says_why(report: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reported_usage({"meshgate/usage": report})


ADK: Any = {"adk_usage_metadata": {"promptTokenCount": 10.0, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}}
_CALL: Any = {"data": {"name": "f"}, "metadata": {"adk_type": "function_call"}}
CALLS: Any = [_CALL, {"text": "x"}, _CALL]
ONE = {"inputTokens": 10, "outputTokens": 6, "toolCalls": 2}
SUM = {"inputTokens": 10, "outputTokens": 6, "toolCalls": 0}


EVENTS: list[tuple[Any, Any]] = [
    ({"statusUpdate": {"taskId": "t", "status": {}, "metadata": ADK}}, SUM),
    (
        {"statusUpdate": {"taskId": "t", "status": {"message": {"parts": CALLS}}, "metadata": ADK}},
        ONE,
    ),
    (
        {"statusUpdate": {"taskId": "t", "status": {"message": {"metadata": ADK, "parts": CALLS}}}},
        ONE,
    ),
    ({"artifactUpdate": {"artifact": {"metadata": ADK, "parts": []}, "lastChunk": True}}, SUM),
    ({"artifactUpdate": {"artifact": {"metadata": ADK, "parts": []}}}, None),
    ({"message": {"metadata": ADK, "parts": CALLS}}, ONE),
    (
        {
            "task": {
                "id": "t",
                "artifacts": [{"metadata": ADK, "parts": []}],
                "history": [{"metadata": ADK, "parts": CALLS}],
            }
        },
        {"inputTokens": 20, "outputTokens": 12, "toolCalls": 2},
    ),
    ({"id": "t", "status": {}, "artifacts": [{"metadata": ADK, "parts": []}]}, SUM),
    (
        {
            "statusUpdate": {
                "taskId": "t",
                "status": {},
                "metadata": {"adk_usage_metadata": {"prompt_token_count": 1}},
            }
        },
        {"inputTokens": 1, "outputTokens": 0, "toolCalls": 0},
    ),
    (
        {
            "statusUpdate": {
                "taskId": "t",
                "status": {},
                "metadata": {"adk_usage_metadata": {"promptTokenCount": "x"}},
            }
        },
        {"inputTokens": 0, "outputTokens": 0, "toolCalls": 0},
    ),
    ({"statusUpdate": {"taskId": "t", "status": {}, "metadata": {"adk_usage_metadata": "str"}}}, None),
    ({"statusUpdate": {"taskId": "t", "status": {"message": None}, "metadata": None}}, None),
    ({"message": {"parts": []}}, None),
    ({"task": {"id": "t", "status": {}}}, None),
]


@pytest.mark.parametrize(("event", "found"), EVENTS)
def test_what_adk_says_of_its_model_calls_is_read(event: dict[str, Any], found: Any) -> None:
    assert adk_usage(event) == found
