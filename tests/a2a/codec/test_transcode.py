import math
from typing import Any

import pytest
from a2a.types import a2a_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.codec.strict_json import check
from meshgate.a2a.codec.transcode import proto_class, to_proto, to_tree
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import A2AMessage, SendMessageRequest, Task
from tests.support.a2a_messages import anything

Case = tuple[type[A2AMessage], dict[str, Any]]


@given(anything)
@pytest.mark.requirement("a2a.transcode")
def test_json_becomes_the_protobuf_that_googles_json_format_makes(case: Case) -> None:
    kind, tree = case
    expected = json_format.ParseDict(tree, proto_class(kind)())
    assert to_proto(tree, proto_class(kind)) == expected


@given(anything)
def test_protobuf_becomes_json_that_googles_json_format_reads_as_the_same(case: Case) -> None:
    kind, tree = case
    message = json_format.ParseDict(tree, proto_class(kind)())
    assert json_format.ParseDict(to_tree(message), proto_class(kind)()) == message


@given(anything)
@pytest.mark.requirement("a2a.transcode")
def test_protobuf_becomes_the_json_that_googles_json_format_writes(case: Case) -> None:
    kind, tree = case
    message = json_format.ParseDict(tree, proto_class(kind)())
    assert check(to_tree(message), kind)[1] == check(json_format.MessageToDict(message), kind)[1]


@given(anything)
def test_what_comes_out_of_protobuf_needs_no_second_look(case: Case) -> None:
    kind, tree = case
    out = to_tree(json_format.ParseDict(tree, proto_class(kind)()))
    assert check(out, kind)[0] == out


CARD = {
    "name": "agent",
    "description": "d",
    "version": "1.2.3",
    "supportedInterfaces": [{"url": "http://a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "t"}],
    "provider": {"url": "http://p", "organization": "o"},
    "capabilities": {
        "streaming": False,
        "pushNotifications": True,
        "extensions": [{"uri": "u", "required": True, "params": {"a": [1, None, {"b": "c"}]}}],
    },
    "securitySchemes": {
        "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-API-Key"}},
        "http": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
    },
    "securityRequirements": [{"schemes": {"key": {"list": ["a", "b"]}}}],
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "s", "name": "S", "description": "", "tags": ["t"], "examples": ["e"]}],
    "signatures": [{"protected": "p", "signature": "s", "header": {"kid": "k"}}],
}


def test_cards_with_their_maps_are_transcoded_as_by_json_format() -> None:
    expected = json_format.ParseDict(CARD, a2a_pb2.AgentCard())
    assert to_proto(CARD, a2a_pb2.AgentCard) == expected
    assert json_format.ParseDict(to_tree(expected), a2a_pb2.AgentCard()) == expected
    assert to_tree(expected)["securityRequirements"] == CARD["securityRequirements"]


def part(data: Any) -> dict[str, Any]:
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"data": data}]}}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_hold_is_refused(number: float) -> None:
    message = a2a_pb2.SendMessageRequest()
    message.message.parts.add().data.number_value = number
    with pytest.raises(InvalidParams):
        to_tree(message)


@pytest.mark.parametrize(
    "tree", [part(10**400), part("\ud800"), {"message": []}, {"message": {"role": "ROLE_NONE"}}, {"tenant": 1}]
)
def test_a_value_without_a_protobuf_form_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams):
        to_proto(tree, a2a_pb2.SendMessageRequest)


@pytest.mark.parametrize("stamp", ["yesterday", "", "2026-02-30T00:00:00Z", "2026-01-02T03:04:05", "20260102T030405Z"])
def test_what_is_no_timestamp_is_refused(stamp: str) -> None:
    with pytest.raises(InvalidParams):
        to_proto({"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": stamp}}, a2a_pb2.Task)


def nest(depth: int, pairs: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if pairs else [value]
    return value


@given(st.integers(1, 60), st.booleans())
def test_what_is_nested_too_deeply_for_protobuf_is_refused_and_the_rest_arrives(depth: int, pairs: bool) -> None:
    try:
        message = to_proto(part(nest(depth, pairs)), a2a_pb2.SendMessageRequest)
    except InvalidParams:
        assert depth > (28 if pairs else 42)
        return
    assert a2a_pb2.SendMessageRequest.FromString(message.SerializeToString()) == message


def test_keys_that_protobuf_does_not_know_are_left_out() -> None:
    tree = {"id": "t", "status": {"state": "TASK_STATE_WORKING", "x": 1}, "unknown": {"a": 1}}
    assert to_tree(to_proto(tree, a2a_pb2.Task)) == {"id": "t", "status": {"state": "TASK_STATE_WORKING"}}


def test_required_fields_are_written_even_at_their_default() -> None:
    task = to_tree(a2a_pb2.Task(status=a2a_pb2.TaskStatus(), artifacts=[a2a_pb2.Artifact()]))
    assert task == {
        "id": "",
        "status": {"state": "TASK_STATE_UNSPECIFIED"},
        "artifacts": [{"artifactId": "", "parts": []}],
    }


def test_an_unknown_value_of_an_enum_is_refused_by_the_check_that_follows() -> None:
    tree = to_tree(a2a_pb2.Task(id="t", status=a2a_pb2.TaskStatus(state=77)))  # type: ignore[arg-type]
    with pytest.raises(InvalidParams):
        check(tree, Task)


def test_each_kind_has_the_generated_class_of_its_name() -> None:
    assert proto_class(SendMessageRequest) is a2a_pb2.SendMessageRequest
