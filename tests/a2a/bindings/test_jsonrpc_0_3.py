"""JSON-RPC of A2A 0.3, by its bytes: which requests are its own, what is answered, and what an agent is asked."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.jsonrpc_0_3 import BINDING, METHOD_NAMES
from meshgate.a2a.errors import (
    AgentError,
    ContentTypeNotSupported,
    ExtendedAgentCardNotConfigured,
    InternalError,
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    LoopDetected,
    MeshError,
    MethodNotFound,
    NoRoute,
    ParseError,
    PushNotificationNotSupported,
    TaskNotCancelable,
    TaskNotFound,
    Unauthenticated,
    UnsupportedOperation,
    VersionNotSupported,
)
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.v0_3.payload import LegacyPayload

Tree = dict[str, Any]
MESSAGE = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
TASK = {"kind": "task", "id": "t", "contextId": "c", "status": {"state": "completed"}}


def ask(method: str, params: Any, headers: dict[str, str] | None = None, query: str = "") -> Request:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    return Request(headers=headers or {}, query=query, body=body)


def refused(request: Request) -> tuple[MeshError, Tree]:
    """What a request is refused with, and the answer to it."""
    exchange = BINDING.server()
    with pytest.raises(MeshError) as caught:
        exchange.decode_request(request)
    failure = exchange.encode_error(caught.value)
    answer: Tree = json.loads(failure.body)
    assert failure.status == 200
    assert answer["id"] == 7
    return caught.value, answer["error"]


# -- requests


@pytest.mark.parametrize(
    ("name", "params", "served"),
    [
        ("message/send", {"message": MESSAGE}, "SendMessage"),
        ("message/stream", {"message": MESSAGE}, "SendStreamingMessage"),
        ("tasks/get", {"id": "t"}, "GetTask"),
        ("tasks/cancel", {"id": "t"}, "CancelTask"),
        ("tasks/resubscribe", {"id": "t"}, "SubscribeToTask"),
        (
            "tasks/pushNotificationConfig/set",
            {"taskId": "t", "pushNotificationConfig": {"url": "https://u.example"}},
            "CreateTaskPushNotificationConfig",
        ),
        ("tasks/pushNotificationConfig/get", {"id": "t"}, "GetTaskPushNotificationConfig"),
        ("tasks/pushNotificationConfig/list", {"id": "t"}, "ListTaskPushNotificationConfigs"),
        (
            "tasks/pushNotificationConfig/delete",
            {"id": "t", "pushNotificationConfigId": "p"},
            "DeleteTaskPushNotificationConfig",
        ),
        ("agent/getAuthenticatedExtendedCard", {}, "GetExtendedAgentCard"),
    ],
)
@pytest.mark.requirement("legacy.methods")
def test_a_method_of_0_3_is_the_operation_of_1_0(name: str, params: Tree, served: str) -> None:
    call = BINDING.server().decode_request(ask(name, params))
    assert call.method is METHODS[served]
    assert METHOD_NAMES[name] == served


def test_a_call_has_the_message_of_1_0_and_keeps_what_came() -> None:
    params = {"message": {**MESSAGE, "contextId": "c", "x-more": 1}, "configuration": {"blocking": False}}
    call = BINDING.server().decode_request(ask("message/send", params, {"x-a2a-extensions": "https://e.example/1"}))
    assert call.payload.tree() == {
        "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}], "contextId": "c", "x-more": 1},
        "configuration": {"returnImmediately": True},
    }
    assert isinstance(call.payload, LegacyPayload)
    assert call.payload.native == params
    assert (call.message_id, call.context_id, call.headers["a2a-extensions"]) == ("m", "c", "https://e.example/1")


@pytest.mark.parametrize("version", ["", "0.3", "0.3.0"])
@pytest.mark.requirement("legacy.dispatch")
def test_a_method_of_1_0_without_its_version_is_told_the_header_to_send(version: str) -> None:
    error, fault = refused(ask("SendMessage", {"message": MESSAGE}, {"a2a-version": version} if version else {}))
    assert type(error) is VersionNotSupported
    # Its caller speaks 1.0, so it is answered in 1.0's form.
    assert fault["code"] == -32009
    assert fault["data"][0]["reason"] == "VERSION_NOT_SUPPORTED"
    assert "A2A-Version: 1.0" in fault["message"]


@pytest.mark.parametrize("name", ["message/sent", "tasks/list", "Send", "", "agent/getCard"])
@pytest.mark.requirement("legacy.dispatch")
def test_a_method_that_nobody_knows(name: str) -> None:
    error, fault = refused(ask(name, {}))
    assert type(error) is MethodNotFound
    assert fault["code"] == -32601


@pytest.mark.parametrize(("headers", "query"), [({"a2a-version": "0.2"}, ""), ({}, "A2A-Version=0.4")])
def test_another_version_than_0_3_is_not_taken_for_it(headers: dict[str, str], query: str) -> None:
    assert type(refused(ask("message/send", {"message": MESSAGE}, headers, query))[0]) is VersionNotSupported


PART = {"kind": "text", "text": "hi"}
BROKEN: list[tuple[Any, str]] = [
    ({}, "message"),
    ({"message": []}, "message"),
    ({"message": {**MESSAGE, "kind": "task"}}, "message.kind"),
    ({"message": {**MESSAGE, "role": "ROLE_USER"}}, "message.role"),
    ({"message": {**MESSAGE, "role": ""}}, "message.role"),
    ({"message": {**MESSAGE, "parts": []}}, "message.parts"),
    ({"message": {**MESSAGE, "messageId": ""}}, "message.messageId"),
    ({"message": {**MESSAGE, "messageID": "x"}}, "message.messageID"),
    ({"message": {**MESSAGE, "message_id": "x"}}, "message.message_id"),
    ({"message": {**MESSAGE, "taskId": "a\nb"}}, "message.taskId"),
    ({"message": {**MESSAGE, "parts": [{"kind": "text"}]}}, "message.parts[0]"),
    ({"message": {**MESSAGE, "parts": [{"kind": "data", "text": "a"}]}}, "message.parts[0].kind"),
    ({"message": {**MESSAGE, "parts": [{**PART, "data": {}}]}}, "message.parts[0]"),
    ({"message": {**MESSAGE, "parts": [{**PART, "raw": "AA=="}]}}, "message.parts[0]"),
    ({"message": {**MESSAGE, "parts": [{"kind": "data", "data": [1]}]}}, "message.parts[0].data"),
    ({"message": {**MESSAGE, "parts": [{"kind": "file", "file": {}}]}}, "message.parts[0].file"),
    (
        {"message": {**MESSAGE, "parts": [{"kind": "file", "file": {"bytes": "!", "uri": "u"}}]}},
        "message.parts[0].file",
    ),
    ({"message": {**MESSAGE, "parts": [{"kind": "file", "file": {"bytes": "?"}}]}}, "message.parts[0].raw"),
    ({"message": MESSAGE, "configuration": {"historyLength": -1}}, "configuration.historyLength"),
    ({"message": MESSAGE, "configuration": {"blocking": "no"}}, "configuration.blocking"),
]


@pytest.mark.parametrize(("params", "field"), BROKEN)
@pytest.mark.requirement("legacy.strict")
def test_a_message_that_is_not_as_0_3_says_is_refused_by_its_field(params: Any, field: str) -> None:
    error, fault = refused(ask("message/send", params))
    assert type(error) is InvalidParams
    assert fault["code"] == -32602
    assert [told["field"] for told in fault["data"]["fieldViolations"]] == [field]


def test_a_key_as_the_proto_spells_it_goes_on_in_its_one_spelling() -> None:
    given = {"message_id": "m", "role": "user", "parts": [PART], "context_id": "c"}
    payload = BINDING.server().decode_request(ask("message/send", {"message": given})).payload
    assert isinstance(payload, LegacyPayload)
    assert payload.native["message"] == {"messageId": "m", "role": "user", "parts": [PART], "contextId": "c"}


def test_a_null_is_a_key_left_out() -> None:
    given = {**MESSAGE, "contextId": None, "metadata": None, "taskId": None}
    payload = BINDING.server().decode_request(ask("message/send", {"message": given, "configuration": None})).payload
    assert isinstance(payload, LegacyPayload)
    assert payload.native == {"message": MESSAGE}


# -- answers


def answered(payload: Payload) -> Tree:
    exchange = BINDING.server()
    exchange.decode_request(ask("message/send", {"message": MESSAGE}))
    answer: Tree = json.loads(exchange.encode_answer(payload))
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
    found: Tree = answer["result"]
    return found


def test_an_answer_of_1_0_is_written_as_0_3() -> None:
    tree: Tree = {
        "task": {
            "id": "t",
            "status": {"state": "TASK_STATE_COMPLETED"},
            "artifacts": [{"artifactId": "a", "parts": []}],
        }
    }
    assert answered(JsonPayload(METHODS["SendMessage"].response, tree)) == {
        "kind": "task",
        "id": "t",
        "contextId": "",
        "status": {"state": "completed"},
        "artifacts": [{"artifactId": "a", "parts": []}],
    }


def read(name: str, result: Any, **wishes: Any) -> Payload:
    method = METHODS[name]
    request: Tree = {"id": "t", **wishes}
    if not method.on_task:
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
        request = {"message": message, "configuration": wishes} if wishes else {"message": message}
    client = BINDING.client(method, JsonPayload(method.request, request))
    rpc_id = json.loads(client.request.body)["id"]
    return client.decode_answer(msgspec.json.encode({"jsonrpc": "2.0", "id": rpc_id, "result": result}))


def test_what_an_agent_answers_goes_to_a_caller_of_0_3_as_it_is() -> None:
    result = {**TASK, "x-more": [1], "artifacts": [{"artifactId": "a", "parts": [{**PART, "x": 1}]}]}
    assert answered(read("SendMessage", result)) == result


@pytest.mark.parametrize(
    ("result", "tree"),
    [
        (TASK, {"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}}),
        (MESSAGE, {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}}),
        (
            {"kind": "status-update", "taskId": "t", "contextId": "c", "status": {"state": "working"}, "final": False},
            {"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}},
        ),
        (
            {
                "kind": "artifact-update",
                "taskId": "t",
                "artifact": {"artifactId": "a", "parts": [PART]},
                "lastChunk": True,
            },
            {
                "artifactUpdate": {
                    "taskId": "t",
                    "artifact": {"artifactId": "a", "parts": [{"text": "hi"}]},
                    "lastChunk": True,
                }
            },
        ),
    ],
)
@pytest.mark.requirement("legacy.tables")
def test_an_event_is_read_by_its_kind_and_by_its_keys_where_that_is_missing(result: Tree, tree: Tree) -> None:
    assert read("SendStreamingMessage", result).tree() == tree
    bare = {key: value for key, value in result.items() if key != "kind"}
    assert read("SendStreamingMessage", bare).tree() == tree


@pytest.mark.parametrize("asked", [0, 1, 2, 5])
@pytest.mark.requirement("legacy.history")
def test_a_caller_gets_no_more_history_than_it_asked_for(asked: int) -> None:
    history = [{**MESSAGE, "messageId": str(number)} for number in range(3)]
    expected = [str(number) for number in range(3)][max(0, 3 - asked) :] if asked else []
    for name in ("SendMessage", "GetTask"):
        tree = read(name, {**TASK, "history": history}, historyLength=asked).tree()
        task = tree.get("task", tree)
        assert [message["messageId"] for message in task.get("history", [])] == expected


@pytest.mark.parametrize(
    "result",
    [
        None,
        1,
        [],
        {},
        {"kind": "card"},
        {"kind": "task"},
        {**TASK, "status": {"state": "done"}},
        {**MESSAGE, "role": "x"},
    ],
)
def test_an_answer_that_is_none_is_the_agents_fault(result: Any) -> None:
    with pytest.raises(InvalidAgentResponse):
        read("SendMessage", result)


@pytest.mark.parametrize(
    ("sent", "heard"), [("2026-01-02T03:04:05+00:00", True), ("2026-01-02 03:04:05", True), ("soon", False)]
)
def test_a_timestamp_is_one_of_1_0_or_left_out(sent: str, heard: bool) -> None:
    tree = read("GetTask", {**TASK, "status": {"state": "working", "timestamp": sent}}).tree()
    assert ("timestamp" in tree["status"]) is heard


# -- errors


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (ParseError(), -32700),
        (InvalidRequest(), -32600),
        (MethodNotFound(), -32601),
        (InvalidParams(), -32602),
        (InternalError(), -32603),
        (TaskNotFound(), -32001),
        (TaskNotCancelable(), -32002),
        (PushNotificationNotSupported(), -32003),
        (UnsupportedOperation(), -32004),
        (ContentTypeNotSupported(), -32005),
        (InvalidAgentResponse(), -32006),
        (ExtendedAgentCardNotConfigured(), -32007),
        (NoRoute(), -32603),
        (LoopDetected(), -32603),
        (Unauthenticated(), -32603),
    ],
)
@pytest.mark.requirement("legacy.errors")
def test_an_error_has_the_number_that_0_3_has_for_it_and_its_reason_in_the_data(error: MeshError, number: int) -> None:
    exchange = BINDING.server()
    exchange.decode_request(ask("tasks/get", {"id": "t"}))
    fault = json.loads(exchange.encode_error(error).body)["error"]
    assert (fault["code"], fault["message"]) == (number, error.message)
    assert (fault["data"]["reason"], fault["data"]["domain"]) == (error.code, error.domain)


@pytest.mark.parametrize("data", [None, "text", [1], {"k": 1}, {"reason": 1, "domain": "x"}])
def test_an_agents_own_error_arrives_as_it_said_it(data: Any) -> None:
    method = METHODS["GetTask"]
    client = BINDING.client(method, JsonPayload(method.request, {"id": "t"}))
    rpc_id = json.loads(client.request.body)["id"]
    fault = {"code": 1001, "message": "no such account", "data": data}
    error = client.decode_error(Failure(200, json.dumps({"jsonrpc": "2.0", "id": rpc_id, "error": fault}).encode()))
    assert isinstance(error, AgentError)
    assert (error.number, error.data, error.message) == (1001, data, "no such account")
    told = json.loads(BINDING.server().encode_error(error).body)["error"]
    assert told == {key: value for key, value in fault.items() if value is not None}


def test_an_agent_cannot_write_data_as_the_mesh_does() -> None:
    said: Tree = {"reason": "LOOP", "domain": "meshgate.dev", "metadata": {}}
    fault = json.loads(BINDING.server().encode_error(AgentError("no", number=1001, data=said)).body)["error"]
    assert fault["code"] == -32603
    assert (fault["data"]["reason"], fault["data"]["value"]) == ("AGENT_ERROR", said)


def test_what_an_agent_said_is_not_lost_between_two_gateways() -> None:
    method = METHODS["GetTask"]
    client = BINDING.client(method, JsonPayload(method.request, {"id": "t"}), peer="mesh")
    server = BINDING.server()
    server.decode_request(Request(body=client.request.body))
    error = client.decode_error(server.encode_error(AgentError("no", data=[1, {"k": None}])))
    assert isinstance(error, AgentError)
    assert error.data == [1, {"k": None}]


@pytest.mark.parametrize("push", ["pushNotificationConfig", "push_notification_config"])
@pytest.mark.parametrize("blocking", ["blocking", "Blocking"])
@pytest.mark.requirement("push.callbacks")
def test_a_key_that_only_0_3_knows_brings_no_wish_past_the_gateway(push: str, blocking: str) -> None:
    wishes = {push: {"url": "http://169.254.169.254/"}, blocking: True, "returnImmediately": True, "x-more": 1}
    method = METHODS["SendMessage"]
    params = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "a"}]}, "configuration": wishes}
    call = jsonrpc.decode_call(jsonrpc.Envelope(1, "SendMessage", params), {}, None)
    sent = json.loads(BINDING.client(method, call.payload).request.body)
    assert sent["params"]["configuration"] == {"blocking": False, "x-more": 1}
