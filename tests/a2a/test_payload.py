import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshgate.a2a.bindings import grpc as grpc_binding
from meshgate.a2a.codec.strict_json import check, is_array
from meshgate.a2a.codec.transcode import proto_class
from meshgate.a2a.messages.push_config import ListTaskPushNotificationConfigsRequest
from meshgate.a2a.payload import IdMap, JsonPayload, Payload, ProtoPayload, payload_of
from meshgate.a2a.types import (
    A2AMessage,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
)
from tests.support.a2a_messages import anything, children

Case = tuple[type[A2AMessage], dict[str, Any]]
Path = tuple[str | int, ...]


def over_grpc(payload: Payload) -> ProtoPayload:
    """The payload as the other side of a gRPC connection has it."""
    message = proto_class(payload.kind)()
    message.ParseFromString(grpc_binding.encode(payload))
    return ProtoPayload(payload.kind, message)


def over_json(payload: Payload) -> JsonPayload:
    """The payload as the other side of an HTTP connection has it."""
    tree, view = check(json.loads(json.dumps(payload.tree())), payload.kind)
    return JsonPayload(payload.kind, tree, view)


@given(anything)
@example((Task, {"id": "t", "status": {"state": "TASK_STATE_WORKING"}, "metadata": {"zeros": [0, 0.0, -0.0]}}))
def test_a_message_is_the_same_on_either_binding(case: Case) -> None:
    kind, tree = case
    came = JsonPayload(kind, tree)
    assert over_grpc(came).view() == came.view()
    assert over_json(over_grpc(came)).view() == came.view()
    assert over_grpc(over_json(over_grpc(came))).message == over_grpc(came).message


@given(anything)
def test_the_digest_is_the_same_on_every_binding(case: Case) -> None:
    kind, tree = case
    came = JsonPayload(kind, tree)
    assert came.digest() == over_grpc(came).digest() == over_json(over_grpc(came)).digest()
    assert len(came.digest()) == 32


def leaves(tree: Any, path: Path = ()) -> list[Path]:
    if not isinstance(tree, dict | list):
        return [path]
    return [leaf for key, value in children(tree) for leaf in leaves(value, (*path, key))]


def other(value: Any, key: str | int) -> Any:
    """A different value that is as good at that place."""
    special = {
        "role": {"ROLE_USER": "ROLE_AGENT", "ROLE_AGENT": "ROLE_USER"},
        "state": {"TASK_STATE_WORKING": "TASK_STATE_FAILED"},
        "status": {"TASK_STATE_WORKING": "TASK_STATE_FAILED"},
    }.get(str(key), {})
    if isinstance(value, str) and value.startswith(("ROLE_", "TASK_STATE_")):
        return special.get(value, "TASK_STATE_WORKING")
    if key == "raw" and isinstance(value, str):
        return "AAAA" + value
    if key in ("timestamp", "statusTimestampAfter") and isinstance(value, str):
        return "1999-12-31T23:59:59Z"
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bool):
        return not value
    return (8 if value == 7 else 7) if isinstance(value, int | float) else 0


@given(anything.filter(lambda case: bool(leaves(case[1]))), st.data())
def test_the_digest_changes_with_any_value(case: Case, data: st.DataObject) -> None:
    kind, tree = case
    places = leaves(tree)
    changed = copy.deepcopy(tree)
    *path, last = data.draw(st.sampled_from(places))
    inner: Any = changed
    for step in path:
        inner = inner[step]
    inner[last] = other(inner[last], last)
    assert JsonPayload(kind, changed).digest() != JsonPayload(kind, tree).digest()
    assert over_grpc(JsonPayload(kind, changed)).digest() != over_grpc(JsonPayload(kind, tree)).digest()


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ({"data": 1}, {"data": 1.0}),
        ({"data": {"a": 0}}, {"data": {"a": -0.0}}),
        ({"data": 1e3}, {"data": 1000}),
        ({"data": {"a": 1, "b": 2}}, {"data": {"b": 2, "a": 1}}),
        ({"raw": "+/+/YQ=="}, {"raw": "-_-_YQ"}),
        ({"text": "a", "filename": ""}, {"text": "a"}),
        ({"text": "a", "unknown": 1}, {"text": "a"}),
    ],
)
def test_two_spellings_of_one_message_have_one_digest(one: Any, another: Any) -> None:
    digests = {JsonPayload(SendMessageRequest, _send(part)).digest() for part in (one, another)}
    assert len(digests) == 1


def test_a_number_at_its_default_is_one_that_is_left_out() -> None:
    kind = ListTaskPushNotificationConfigsRequest
    zero, without = JsonPayload(kind, {"taskId": "t", "pageSize": 0}), JsonPayload(kind, {"taskId": "t"})
    assert zero.digest() == without.digest() == over_grpc(zero).digest()


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ({"data": 1}, {"data": "1"}),
        ({"data": 1}, {"data": True}),
        ({"data": None}, {"data": {}}),
        ({"data": []}, {"data": {}}),
        ({"data": [1, 2]}, {"data": [2, 1]}),
        ({"text": "a"}, {"url": "a"}),
        ({"text": ""}, {"data": ""}),
        ({"raw": ""}, {"text": ""}),
    ],
)
def test_two_messages_that_look_alike_have_two_digests(one: Any, another: Any) -> None:
    assert (
        JsonPayload(SendMessageRequest, _send(one)).digest() != JsonPayload(SendMessageRequest, _send(another)).digest()
    )


def _send(part: dict[str, Any]) -> dict[str, Any]:
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [part]}}


@pytest.mark.parametrize(
    "stamp", ["2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500Z", "2026-01-02T04:04:05.500000+01:00"]
)
def test_one_instant_has_one_digest(stamp: str) -> None:
    task = JsonPayload(Task, {"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": stamp}})
    plain = JsonPayload(
        Task, {"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": "2026-01-02T03:04:05.500Z"}}
    )
    assert task.digest() == plain.digest() == over_grpc(task).digest()


@pytest.mark.parametrize(
    "stamp", ["yesterday", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+10:00", "2026-01-02T03:04:05"]
)
def test_what_is_no_instant_is_its_own_digest(stamp: str) -> None:
    with_stamp = JsonPayload(Task, {"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": stamp}})
    without = JsonPayload(Task, {"id": "t", "status": {"state": "TASK_STATE_WORKING"}})
    assert with_stamp.digest() != without.digest()


# -- ids


_OF_OTHERS = {"url", "taskId", "tags"}
"""Keys beside an ``id`` that is no task's: of push configurations, of what asks for them, and of skills."""


def ids_in(tree: Any, key: str) -> list[str]:
    """Every id under `key` or in `referenceTaskIds`, wherever it stands but in what is free JSON."""
    found: list[str] = []
    for name, value in children(tree):
        if name == key or (key == "taskId" and name == "id" and not _OF_OTHERS.intersection(tree)):
            found.extend(value if is_array(value) else [value])
        elif name not in ("data", "metadata"):
            found.extend(ids_in(value, key))
    return found


def own(task: str) -> str:
    return f"own~{task}"


def referenced(task: str) -> str:
    return f"ref~{task}"


def context(text: str) -> str:
    return f"ctx~{text}"


MAPPED = IdMap(own, referenced, context)


def bare(text: str) -> str:
    return text[len("own~") :]


BACK = IdMap(bare, bare, bare)


@given(anything)
def test_mapping_ids_reaches_every_place_of_one_and_nothing_else(case: Case) -> None:
    kind, tree = case
    before = copy.deepcopy(tree)
    mapped = JsonPayload(kind, tree).with_ids(MAPPED)

    assert tree == before
    assert ids_in(mapped.tree(), "taskId") == [own(task) for task in ids_in(tree, "taskId")]
    assert ids_in(mapped.tree(), "contextId") == [context(text) for text in ids_in(tree, "contextId")]
    assert ids_in(mapped.tree(), "referenceTaskIds") == [referenced(task) for task in ids_in(tree, "referenceTaskIds")]
    back = mapped.with_ids(BACK)
    assert back.tree() == tree


@given(anything)
def test_mapping_ids_is_the_same_in_protobuf(case: Case) -> None:
    kind, tree = case
    came = JsonPayload(kind, tree)
    proto = over_grpc(came)
    before = proto.message.SerializeToString(deterministic=True)
    mapped = proto.with_ids(MAPPED)

    assert mapped.view() == came.with_ids(MAPPED).view()
    assert proto.message.SerializeToString(deterministic=True) == before


def test_every_place_of_an_id_that_a2a_has_is_mapped() -> None:
    ids = {"taskId": "t", "referenceTaskIds": ["r"], "contextId": "c"}
    message = {"messageId": "m", "role": "ROLE_AGENT", "parts": [], **ids}
    status: dict[str, Any] = {"state": "TASK_STATE_WORKING", "message": message}
    events: list[dict[str, Any]] = [
        {"task": {"id": "t", "contextId": "c", "status": status, "history": [message]}},
        {"message": message},
        {"statusUpdate": {"taskId": "t", "contextId": "c", "status": status}},
        {"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": []}}},
    ]
    for event in events:
        text = json.dumps(JsonPayload(StreamResponse, event).with_ids(MAPPED).tree())
        assert '"t"' not in text
        assert '"r"' not in text
        assert '"c"' not in text


def test_an_id_that_is_not_there_stays_away() -> None:
    tree = _send({"text": "a"})
    assert JsonPayload(SendMessageRequest, tree).with_ids(MAPPED).tree() == tree


def test_a_view_made_here_becomes_its_own_payload() -> None:
    view = Task(id="t", status=TaskStatus(state=TaskState.WORKING, message=Message("m", Role.AGENT, [Part(text="")])))
    payload = payload_of(view)
    assert payload.view() is view
    assert check(payload.tree(), Task)[1] == view
    assert payload.tree()["status"]["message"]["parts"] == [{"text": ""}]
