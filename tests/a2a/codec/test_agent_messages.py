"""Values in an agent's protobuf that JSON has no form for."""

from __future__ import annotations

import math
from typing import Any

import pytest
from a2a.types import a2a_pb2

from meshgate.a2a.bindings import grpc
from meshgate.a2a.codec.agent_messages import correct_message
from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.a2a.methods import METHODS

pytestmark = pytest.mark.requirement("agent.values")


def finished() -> Any:
    message: Any = a2a_pb2.SendMessageResponse()
    message.task.id = "t"
    message.task.status.state = a2a_pb2.TASK_STATE_COMPLETED
    return message


def tree_of(message: Any) -> tuple[dict[str, Any], bool]:
    payload = grpc.decode_answer(message.SerializeToString(), METHODS["SendMessage"])
    return payload.tree()["task"], payload.corrected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null_wherever_it_stands(value: float) -> None:
    message = finished()
    message.task.metadata.update({"a": value, "b": [1, {"c": value}], "d": 2})
    part = message.task.artifacts.add(artifact_id="a").parts.add()
    part.data.list_value.values.add().number_value = value
    found, corrected = tree_of(message)
    assert corrected
    assert found["metadata"] == {"a": None, "b": [1, {"c": None}], "d": 2}
    assert found["artifacts"][0]["parts"] == [{"data": [None]}]


@pytest.mark.parametrize(("seconds", "nanos"), [(10**12, 0), (-(10**12), 0), (0, -5), (0, 10**9)])
def test_a_timestamp_out_of_range_is_left_out(seconds: int, nanos: int) -> None:
    message = finished()
    message.task.status.timestamp.seconds, message.task.status.timestamp.nanos = seconds, nanos
    assert tree_of(message) == ({"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}}, True)


def test_a_message_that_json_holds_is_not_touched() -> None:
    message = finished()
    message.task.metadata.update({"a": 1.5, "b": None, "c": ["x", {}]})
    message.task.status.timestamp.seconds = 5
    before = message.SerializeToString()
    assert tree_of(message)[1] is False
    assert not correct_message(message)
    assert message.SerializeToString() == before


def test_what_cannot_be_corrected_is_the_agents_fault() -> None:
    with pytest.raises(InvalidAgentResponse):
        grpc.decode_answer(b"", METHODS["SendMessage"])
