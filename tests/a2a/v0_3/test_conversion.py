"""A2A 0.3 and 1.0, both ways: what comes back, what is lost, and that a2a-sdk's own 0.3 reads and writes the same."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from a2a.compat.v0_3 import conversions
from a2a.compat.v0_3 import types as stock
from a2a.types import a2a_pb2
from google.protobuf import json_format
from hypothesis import given

from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.codec.strict_json import check
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.lists.task_list import ListTasksRequest, ListTasksResponse
from meshgate.a2a.messages.push_config import (
    CreateTaskPushNotificationConfigRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    TaskPushNotificationConfig,
)
from meshgate.a2a.payload import payload_of
from meshgate.a2a.types import (
    A2AMessage,
    CancelTaskRequest,
    GetTaskRequest,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from meshgate.a2a.v0_3.form import JSON_FORM
from meshgate.a2a.v0_3.messages import JSON, PROTO, Writing
from meshgate.a2a.v0_3.names import JSON_NAMES, PROTO_NAMES
from meshgate.a2a.v0_3.push_configs import downgrade_push, upgrade_push
from meshgate.a2a.v0_3.requests import (
    downgrade_proto_task,
    downgrade_send,
    upgrade_get,
    upgrade_proto_task,
    upgrade_send,
)
from meshgate.a2a.v0_3.resource_names import task_in
from tests.a2a.v0_3.losses import through, without_gateway, without_kept
from tests.support.a2a_messages import anything, artifacts, by_kind, messages, parts, tasks

Tree = dict[str, Any]
Case = tuple[type[A2AMessage], Tree]


def ours(value: object) -> bool:
    """Whether a message uses a key of metadata that is the gateways', or a2a-sdk's: what stands there is taken out."""
    return "meshgate/v1" in repr(value) or "data_part_compat" in repr(value)


_NOT_THERE = (ListTasksRequest, ListTasksResponse)
"""0.3 has no list of tasks."""
foreign_messages = anything.filter(lambda case: case[0] not in _NOT_THERE and not ours(case))
foreign_tasks = tasks.filter(lambda tree: not ours(tree))
STOCK_CLASSES: dict[type[A2AMessage], Any] = {
    SendMessageRequest: stock.MessageSendParams,
    GetTaskRequest: stock.TaskQueryParams,
    CancelTaskRequest: stock.TaskIdParams,
    SubscribeToTaskRequest: stock.TaskIdParams,
    Task: stock.Task,
    CreateTaskPushNotificationConfigRequest: stock.TaskPushNotificationConfig,
    TaskPushNotificationConfig: stock.TaskPushNotificationConfig,
    GetTaskPushNotificationConfigRequest: stock.GetTaskPushNotificationConfigParams,
    DeleteTaskPushNotificationConfigRequest: stock.DeleteTaskPushNotificationConfigParams,
    ListTaskPushNotificationConfigsRequest: stock.ListTaskPushNotificationConfigParams,
    AgentCard: stock.AgentCard,
}
STOCK_KINDS: dict[str, Any] = {
    "task": stock.Task,
    "message": stock.Message,
    "status-update": stock.TaskStatusUpdateEvent,
    "artifact-update": stock.TaskArtifactUpdateEvent,
}


def same(kind: type[A2AMessage], one: Tree, other: Tree) -> bool:
    """Whether two trees of 1.0 say the same."""
    return payload_of(check(one, kind)[1]).digest() == payload_of(check(other, kind)[1]).digest()


def stock_class(kind: type[A2AMessage], native: Tree) -> Any:
    return STOCK_CLASSES.get(kind) or STOCK_KINDS[native["kind"]]


@given(foreign_messages)
@pytest.mark.requirement("legacy.lossless")
def test_through_json_rpc_and_back_nothing_is_lost_that_has_a_place(case: Case) -> None:
    kind, tree = case
    native = JSON_FORM.read(kind, JSON_FORM.downgrade(kind, tree))
    assert same(kind, JSON_FORM.upgrade(kind, native), through(tree))


@given(foreign_messages)
@pytest.mark.requirement("legacy.lossless")
def test_an_end_that_drops_what_was_kept_costs_what_is_named_and_no_more(case: Case) -> None:
    kind, tree = case
    native = JSON_FORM.read(kind, without_kept(JSON_FORM.downgrade(kind, tree)))
    assert same(kind, JSON_FORM.upgrade(kind, native), without_gateway(through(tree), references=True))


@given(by_kind[SendMessageRequest].filter(lambda tree: not ours(tree)))
@pytest.mark.requirement("legacy.lossless")
def test_through_the_protobuf_writing_and_back(tree: Tree) -> None:
    back = upgrade_send(downgrade_send(tree, PROTO), PROTO)
    assert same(SendMessageRequest, back, through(tree))
    dropped = upgrade_send(without_kept(downgrade_send(tree, PROTO)), PROTO)
    assert same(SendMessageRequest, dropped, without_gateway(through(tree), references=False))


@given(foreign_tasks)
def test_a_task_through_the_protobuf_writing_and_back(tree: Tree) -> None:
    assert same(Task, PROTO.upgrade_task(PROTO.downgrade_task(tree)), tree)


@given(foreign_messages.filter(lambda case: case[0] in (*STOCK_CLASSES, SendMessageResponse, StreamResponse)))
@pytest.mark.requirement("legacy.stock")
def test_a2a_sdks_own_types_take_what_is_written(case: Case) -> None:
    kind, tree = case
    native = JSON_FORM.downgrade(kind, tree)
    read = stock_class(kind, native).model_validate(native)
    # What it makes of it is what was written: nothing was put where it does not belong.
    again = JSON_FORM.read(kind, read.model_dump(by_alias=True, exclude_none=True, mode="json"))
    assert same(kind, JSON_FORM.upgrade(kind, again), through(tree))


def stock_task(tree: Tree) -> a2a_pb2.Task:
    return json_format.ParseDict(tree, a2a_pb2.Task())


@given(foreign_tasks)
@pytest.mark.requirement("legacy.stock")
def test_a_task_that_a2a_sdk_downgrades_is_read_as_its_own(tree: Tree) -> None:
    written = conversions.to_compat_task(stock_task(tree)).model_dump(by_alias=True, exclude_none=True, mode="json")
    native = JSON_FORM.read(Task, written)
    read = JSON_FORM.upgrade(Task, native)
    expected = json_format.MessageToDict(conversions.to_core_task(stock.Task.model_validate(written)))
    assert same(Task, read, expected)


@given(foreign_tasks)
@pytest.mark.requirement("legacy.stock")
def test_a_task_that_is_downgraded_is_read_by_a2a_sdk_as_by_us(tree: Tree) -> None:
    native = without_kept(JSON_FORM.downgrade(Task, tree))
    theirs = json_format.MessageToDict(conversions.to_core_task(stock.Task.model_validate(native)))
    assert same(Task, JSON_FORM.upgrade(Task, native), theirs)


# -- the tables, row by row


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("submitted", "TASK_STATE_SUBMITTED"),
        ("working", "TASK_STATE_WORKING"),
        ("input-required", "TASK_STATE_INPUT_REQUIRED"),
        ("completed", "TASK_STATE_COMPLETED"),
        ("canceled", "TASK_STATE_CANCELED"),
        ("failed", "TASK_STATE_FAILED"),
        ("rejected", "TASK_STATE_REJECTED"),
        ("auth-required", "TASK_STATE_AUTH_REQUIRED"),
        ("unknown", "TASK_STATE_UNSPECIFIED"),
    ],
)
@pytest.mark.requirement("legacy.tables")
def test_the_states(old: str, new: str) -> None:
    assert JSON_NAMES.states[old] == new
    assert JSON_NAMES.old_states[new] == old
    proto = new.replace("CANCELED", "CANCELLED")
    assert PROTO_NAMES.states[proto] == new
    assert PROTO_NAMES.old_states[new] == proto
    final = JSON.downgrade_status_update({"taskId": "t", "status": {"state": new}})["final"]
    assert final is (old in ("input-required", "auth-required", "completed", "canceled", "failed", "rejected"))


@pytest.mark.parametrize(("old", "new"), [("user", "ROLE_USER"), ("agent", "ROLE_AGENT"), ("", "ROLE_UNSPECIFIED")])
@pytest.mark.requirement("legacy.tables")
def test_the_roles(old: str, new: str) -> None:
    assert (JSON_NAMES.roles[old], JSON_NAMES.old_roles[new]) == (new, old)
    assert (PROTO_NAMES.roles[new], PROTO_NAMES.old_roles[new]) == (new, new)


KEPT = "meshgate/v1"
PARTS: list[tuple[Tree, Tree, Tree]] = [
    ({"text": "a"}, {"kind": "text", "text": "a"}, {"text": "a"}),
    (
        {"text": "a", "mediaType": "text/markdown", "filename": "a.md"},
        {"kind": "text", "text": "a", "metadata": {KEPT: {"mediaType": "text/markdown", "filename": "a.md"}}},
        {"text": "a", "metadata": {KEPT: {"mediaType": "text/markdown", "filename": "a.md"}}},
    ),
    (
        {"raw": "AP8=", "mediaType": "image/png", "filename": "a.png", "metadata": {"k": 1}},
        {"kind": "file", "file": {"bytes": "AP8=", "mimeType": "image/png", "name": "a.png"}, "metadata": {"k": 1}},
        {"file": {"fileWithBytes": "QVA4PQ==", "mimeType": "image/png", "name": "a.png"}, "metadata": {"k": 1}},
    ),
    (
        {"url": "https://a.example/x"},
        {"kind": "file", "file": {"uri": "https://a.example/x"}},
        {"file": {"fileWithUri": "https://a.example/x"}},
    ),
    ({"data": {"a": [1]}}, {"kind": "data", "data": {"a": [1]}}, {"data": {"data": {"a": [1]}}}),
    (
        {"data": [1, None]},
        {"kind": "data", "data": {"value": [1, None]}, "metadata": {KEPT: {"value": True}}},
        {"data": {"data": {"value": [1, None]}}, "metadata": {KEPT: {"value": True}}},
    ),
    ({"data": None}, {"kind": "data", "data": {"value": None}, "metadata": {KEPT: {"value": True}}}, {}),
]


@pytest.mark.parametrize(("new", "old", "proto"), PARTS)
@pytest.mark.requirement("legacy.tables")
def test_the_parts(new: Tree, old: Tree, proto: Tree) -> None:
    assert JSON.downgrade_part(new) == old
    assert JSON.upgrade_part(old) == new
    if proto:
        assert PROTO.downgrade_part(new) == proto
        assert PROTO.upgrade_part(proto) == new


def test_bytes_in_a_file_of_protobuf_that_are_no_base64_text_are_the_file() -> None:
    assert PROTO.upgrade_part({"file": {"fileWithBytes": "AP8="}}) == {"raw": "AP8="}
    assert PROTO.upgrade_part({"file": {"fileWithBytes": ""}}) == {"raw": ""}
    spaced = base64.b64encode(b"AP 8=").decode()  # base64 to a lenient reader alone
    assert PROTO.upgrade_part({"file": {"fileWithBytes": spaced}}) == {"raw": spaced}


def test_an_object_whose_only_key_is_value_is_itself_unless_somebody_says_it_was_wrapped() -> None:
    wrapped = {"kind": "data", "data": {"value": 3}}
    assert JSON.upgrade_part(wrapped) == {"data": {"value": 3}}
    marked = {**wrapped, "metadata": {"data_part_compat": True, "k": 1}}
    assert JSON.upgrade_part(marked) == {"data": 3, "metadata": {"k": 1}}


@pytest.mark.parametrize("kept", [1, [], {"mediaType": 1, "filename": None, "value": "yes"}, {"text": "no"}])
def test_what_a_stranger_writes_under_the_key_is_no_content(kept: Any) -> None:
    assert JSON.upgrade_part({"kind": "data", "data": {"value": 1}, "metadata": {KEPT: kept}}) == {"data": {"value": 1}}


@pytest.mark.parametrize(
    ("blocking", "json", "proto"),
    [
        (True, {}, {}),
        (False, {"returnImmediately": True}, {"returnImmediately": True}),
        (None, {}, {"returnImmediately": True}),
    ],
)
@pytest.mark.requirement("legacy.tables")
def test_blocking(blocking: bool | None, json: Tree, proto: Tree) -> None:
    old = {"blocking": blocking} if blocking is not None else {}
    message: Tree = {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "a"}]}
    assert upgrade_send({"message": message, "configuration": old}).get("configuration", {}) == json
    plain: Tree = {"messageId": "m", "role": "ROLE_USER", "content": [{"text": "a"}]}
    wishes = {**old, "acceptedOutputModes": ["text/plain"]}
    assert upgrade_send({"message": plain, "configuration": wishes}, PROTO)["configuration"] == {
        "acceptedOutputModes": ["text/plain"],
        **proto,
    }
    assert upgrade_send({"message": plain, "configuration": old}, PROTO).get("configuration", {}) == proto
    # Who says nothing at all waits.
    assert "configuration" not in upgrade_send({"message": plain}, PROTO)


@pytest.mark.parametrize(("given", "told"), [({}, True), ({"returnImmediately": True}, False)])
@pytest.mark.requirement("legacy.tables")
def test_an_agent_is_always_told_whether_to_block(given: Tree, told: bool) -> None:
    message: Tree = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "a"}]}
    for writing in (JSON, PROTO):
        for request in ({"message": message, "configuration": given}, {"message": message}):
            expected = told if "configuration" in request else True
            assert downgrade_send(request, writing)["configuration"]["blocking"] is expected


@pytest.mark.requirement("legacy.tables")
def test_push_configurations() -> None:
    old = {
        "id": "p",
        "url": "https://a.example/",
        "token": "t",
        "authentication": {"schemes": ["Bearer"], "credentials": "c"},
    }
    new = {
        "id": "p",
        "url": "https://a.example/",
        "token": "t",
        "authentication": {"scheme": "Bearer", "credentials": "c"},
    }
    assert upgrade_push(old) == new
    assert downgrade_push({**new, "taskId": "t", "tenant": "x"}) == old
    assert upgrade_push({"url": "u", "authentication": {"schemes": ["Bearer", "Basic"]}})["authentication"] == {
        "scheme": "Bearer",
        "credentials": "",
    }


def test_a_name_that_is_no_tasks_is_refused() -> None:
    assert task_in("tasks/a/b") == "a/b"
    for name in ("", "tasks/", "task/a", "a"):
        with pytest.raises(Exception, match="tasks/ID"):
            task_in(name)


# -- keys that A2A does not know


@given(messages, artifacts, parts)
def test_unknown_keys_stay_over_json_and_have_no_place_in_protobuf(message: Tree, artifact: Tree, part: Tree) -> None:
    more = {"x-more": {"a": 1}}
    for writing, kept in ((JSON, True), (PROTO, False)):
        assert ("x-more" in writing.downgrade_message({**message, **more})) is kept
        assert ("x-more" in writing.downgrade_artifact({**artifact, **more})) is kept
        assert ("x-more" in writing.downgrade_part({**part, **more})) is kept


@pytest.mark.parametrize("writing", [JSON, PROTO])
def test_kinds_are_written_where_they_belong(writing: Writing) -> None:
    message: Tree = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "a"}]}
    status = {"state": "TASK_STATE_WORKING", "message": message}
    events: dict[str, Tree] = {
        "task": {"id": "t", "status": status},
        "message": message,
        "statusUpdate": {"taskId": "t", "status": status},
        "artifactUpdate": {"taskId": "t", "artifact": {"artifactId": "a", "parts": []}},
    }
    found = {key: writing.downgrade_event({key: content})[1].get("kind") for key, content in events.items()}
    expected = dict(zip(found, ["task", "message", "status-update", "artifact-update"], strict=True))
    assert found == (expected if writing is JSON else dict.fromkeys(found))


def test_unknown_keys_stay_on_the_way_to_1_0_too() -> None:
    old: Tree = {"kind": "message", "messageId": "m", "role": "user", "parts": [], "x-more": 1}
    assert JSON.upgrade_message(old) == {"messageId": "m", "role": "ROLE_USER", "parts": [], "x-more": 1}


def test_references_that_a_gateway_kept_come_back_unless_there_are_others() -> None:
    kept: Tree = {"messageId": "m", "role": "ROLE_USER", "content": [], "metadata": {KEPT: {"referenceTaskIds": ["a"]}}}
    assert PROTO.upgrade_message(kept)["referenceTaskIds"] == ["a"]
    assert "referenceTaskIds" not in PROTO.upgrade_message({**kept, "metadata": {KEPT: {}}})
    own: Tree = {"messageId": "m", "role": "user", "parts": [], "referenceTaskIds": ["b"], "metadata": kept["metadata"]}
    assert JSON.upgrade_message(own)["referenceTaskIds"] == ["b"]


@pytest.mark.parametrize("status", [{"state": "TASK_STATE_DONE"}, {"state": 17}])
def test_a_state_that_0_3_does_not_have_is_refused(status: Tree) -> None:
    with pytest.raises(InvalidParams, match=r"none that A2A 0\.3 has"):
        PROTO.upgrade_status(status)


def test_a_request_that_names_a_task() -> None:
    new = {"id": "a/b", "historyLength": 2}
    assert downgrade_proto_task(new) == {"name": "tasks/a/b", "historyLength": 2}
    assert upgrade_proto_task(downgrade_proto_task(new)) == new
    assert downgrade_proto_task({"id": "a", "historyLength": 0}) == {"name": "tasks/a"}


def test_what_only_0_3_knows_of_a_configuration_does_not_go_on_in_any_spelling() -> None:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
    brought = {"pushNotificationConfig": {"url": "u"}, "push_notification_config": {"url": "u"}, "Blocking": False}
    wishes = {**brought, "returnImmediately": True, "historyLength": 2, "x-own": 1}
    found = downgrade_send({"message": message, "configuration": wishes})["configuration"]
    assert found == {"historyLength": 2, "x-own": 1, "blocking": False}


def test_a_request_for_a_task_loses_what_1_0_has_no_place_for() -> None:
    assert upgrade_get({"id": "t", "historyLength": 0, "metadata": {"a": 1}}) == {"id": "t"}
    assert upgrade_get({"id": "", "historyLength": 3, "x": 0}) == {"id": "", "historyLength": 3, "x": 0}
