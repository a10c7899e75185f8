"""HTTP+JSON of A2A 0.3, by its bytes: which requests are its own, what is answered, and what an agent is asked."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import unquote

import httpx
import pytest
from a2a.types import a2a_pb2
from a2a.utils import errors as foreign_errors

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.http_json import rest
from meshgate.a2a.bindings.http_json.rest_0_3 import BINDING
from meshgate.a2a.bindings.legacy_names import CODE_OF, NAME_OF
from meshgate.a2a.call import Call
from meshgate.a2a.error_lookup import Peer, error_class
from meshgate.a2a.errors import (
    AgentError,
    InternalError,
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    LoopDetected,
    MeshError,
    NoRoute,
    ParseError,
    RateLimited,
    TaskNotCancelable,
    TaskNotFound,
    UnsupportedOperation,
    VersionNotSupported,
)
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import IdMap, JsonPayload, ProtoPayload
from meshgate.a2a.v0_3.payload import LegacyPayload
from tests.support import foreign

Tree = dict[str, Any]
MESSAGE = {"messageId": "m", "role": "ROLE_USER", "content": [{"text": "hi"}]}
OLD_JSON = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
SNAKE = {"kind": "message", "message_id": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
NEW = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
ANSWER = {"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_CANCELED"}}}


def request(line: str, body: Any = None, **headers: str) -> Request:
    """A request as a server hands it over: its first line as it came."""
    verb, target = line.split(" ")
    path, _, query = target.partition("?")
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(verb, unquote(path), query, sent, data, None, path)


def read(line: str, body: Any = None, **headers: str) -> Call:
    asked = request(line, body, **headers)
    assert BINDING.takes(asked)
    return BINDING.server().decode_request(asked)


def refused(line: str, body: Any = None, **headers: str) -> tuple[MeshError, int, Tree]:
    """What a request is refused with, the status and the body of the answer."""
    exchange = BINDING.server()
    with pytest.raises(MeshError) as caught:
        exchange.decode_request(request(line, body, **headers))
    failure = exchange.encode_error(caught.value)
    return caught.value, failure.status, json.loads(failure.body)


def answered(line: str, body: Any, answer: Tree) -> Tree:
    exchange = BINDING.server()
    method = exchange.decode_request(request(line, body)).method
    found: Tree = json.loads(exchange.encode_answer(JsonPayload(method.response, answer)))
    return found


def client(name: str = "GetTask", tree: Tree | None = None, peer: Peer = "agent") -> Any:
    method = METHODS[name]
    return BINDING.client(method, JsonPayload(method.request, tree or {"id": "t"}), peer=peer)


# -- requests


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize(
    ("verb", "path", "operation"),
    [
        ("POST", "/message:send", "SendMessage"),
        ("POST", "/message:stream", "SendStreamingMessage"),
        ("GET", "/tasks/t%2F1", "GetTask"),
        ("GET", "/tasks/t%2F1?historyLength=3", "GetTask"),
        ("POST", "/tasks/t%2F1:cancel", "CancelTask"),
        ("POST", "/tasks/t%2F1:subscribe", "SubscribeToTask"),
        ("GET", "/tasks/t%2F1:subscribe", "SubscribeToTask"),
    ],
)
@pytest.mark.requirement("legacy.rest")
def test_each_operation_has_its_path(prefix: str, verb: str, path: str, operation: str) -> None:
    sends = operation.startswith("Send")
    call = read(f"{verb} {prefix}{path}", {"message": MESSAGE} if sends else None)
    assert call.method is METHODS[operation]
    assert call.task_id == ("" if sends else "t/1")
    assert call.payload.tree().get("historyLength") == (3 if "?" in path else None)


PUSH: dict[str, Tree] = {
    "whole": {
        "parent": "tasks/t",
        "config_id": "p",
        "config": {"push_notification_config": {"url": "https://u.example"}},
    },
    "config": {
        "name": "tasks/t/pushNotificationConfigs/p",
        "pushNotificationConfig": {"url": "https://u.example", "id": "p"},
    },
    "bare": {"url": "https://u.example", "id": "p"},
}
"""The forms in which clients of 0.3 write a configuration."""


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize("form", PUSH)
@pytest.mark.requirement("legacy.rest")
def test_a_push_configuration_is_read_in_each_form_that_clients_write(prefix: str, form: str) -> None:
    call = read(f"POST {prefix}/tasks/t/pushNotificationConfigs", PUSH[form])
    assert call.method is METHODS["CreateTaskPushNotificationConfig"]
    tree = call.payload.tree()
    assert (call.task_id, tree["taskId"], tree["url"]) == ("t", "t", "https://u.example")
    # Without /v1 the form is JSON-RPC's, which has no id beside the configuration.
    assert tree.get("id", "") == ("" if form == "whole" and not prefix else "p")


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize(
    ("line", "operation", "tree"),
    [
        ("GET {}/tasks/t%2F1/pushNotificationConfigs", "ListTaskPushNotificationConfigs", {"taskId": "t/1"}),
        ("GET {}/tasks/t/pushNotificationConfigs/p", "GetTaskPushNotificationConfig", {"taskId": "t", "id": "p"}),
        ("DELETE {}/tasks/t/pushNotificationConfigs/p", "DeleteTaskPushNotificationConfig", {"taskId": "t", "id": "p"}),
        ("GET {}/card", "GetExtendedAgentCard", {}),
    ],
)
@pytest.mark.requirement("legacy.rest")
def test_an_operation_without_a_body_is_all_path(prefix: str, line: str, operation: str, tree: Tree) -> None:
    call = read(line.format(prefix))
    assert (call.method, call.payload.tree()) == (METHODS[operation], tree)


@pytest.mark.parametrize("body", [{"taskId": "other"}, {"task_id": "other"}, {"parent": "tasks/other"}])
@pytest.mark.requirement("legacy.rest")
def test_a_push_configuration_of_another_task_than_the_paths_is_refused(body: Tree) -> None:
    error = refused("POST /v1/tasks/t/pushNotificationConfigs", {"url": "https://u.example", **body})[0]
    assert isinstance(error, InvalidParams)
    assert "differs from the one in the path, 't'" in error.message


@pytest.mark.parametrize(
    "line",
    [
        "POST /v1",
        "POST /v1/",
        "GET /v1/tasks",
        "GET /tasks",
        "POST /v1/tasks/t",
        "GET /v1/message:send",
        "GET /v1/tasks/..",
        "GET /v1//tasks/t",
        "POST /v1/v1/message:send",
        "POST /name/message:send",
        "POST /name/v1/message:send",
        "POST /v1/name/message:send",
        "GET /v1/.well-known/agent-card.json",
    ],
)
@pytest.mark.requirement("legacy.rest")
def test_no_other_path_is_taken(line: str) -> None:
    assert not BINDING.takes(request(line))


@pytest.mark.requirement("legacy.rest")
def test_a_call_has_the_message_of_1_0_and_keeps_what_came() -> None:
    body = {"message": {**MESSAGE, "contextId": "c"}, "configuration": {"blocking": False, "historyLength": 0}}
    call = read("POST /v1/message:send", body, x_a2a_extensions="https://e.example/1")
    assert call.payload.tree() == {
        "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}], "contextId": "c"},
        "configuration": {"returnImmediately": True},
    }
    assert isinstance(call.payload, LegacyPayload)
    assert call.payload.native == body
    assert (call.message_id, call.context_id, call.headers["a2a-extensions"]) == ("m", "c", "https://e.example/1")


@pytest.mark.requirement("legacy.rest")
def test_names_as_the_proto_spells_them_are_read() -> None:
    # Python's clients write them so.
    spelt = {"message_id": "m", "role": "ROLE_USER", "content": [{"file": {"file_with_uri": "u", "mime_type": "x/y"}}]}
    call = read("POST /v1/message:send", {"request": spelt, "configuration": {"blocking": True, "history_length": 2}})
    assert call.payload.tree() == {
        "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"url": "u", "mediaType": "x/y"}]},
        "configuration": {"historyLength": 2},
    }


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"data": {"data": {"n": 1}}}, {"data": {"n": 1}}),
        ({"text": "hi", "metadata": {"k": None}}, {"text": "hi", "metadata": {"k": None}}),
        ({"file": {"fileWithUri": "u", "name": "n"}}, {"url": "u", "filename": "n"}),
    ],
)
def test_each_kind_of_part(content: Tree, part: Tree) -> None:
    call = read("POST /v1/message:send", {"message": {**MESSAGE, "content": [content]}})
    assert call.payload.tree()["message"]["parts"] == [part]


BROKEN: list[tuple[Any, str]] = [
    ({**MESSAGE, "role": "user"}, "message.role"),
    ({**MESSAGE, "content": [{"text": "a", "data": {}}]}, "message.content[0]"),
    ({**MESSAGE, "content": [{"text": 1}]}, "message.content[0].text"),
    ({**MESSAGE, "content": [{"file": {}}]}, "message.content[0].file"),
    ({**MESSAGE, "message_id": "m"}, "message.message_id"),
    ({**MESSAGE, "MessageId": "m"}, "message.MessageId"),
    ({**MESSAGE, "parts": []}, "message.parts"),
    ("hi", "message"),
]


@pytest.mark.parametrize(("message", "field"), BROKEN)
@pytest.mark.requirement("legacy.rest", "legacy.strict")
def test_a_message_has_one_meaning_or_is_refused_by_its_field(message: Any, field: str) -> None:
    error, status, body = refused("POST /v1/message:send", {"message": message})
    assert isinstance(error, InvalidParams)
    assert [each[0] for each in error.violations] == [field]
    assert (status, body["code"], body["type"]) == (400, -32602, "InvalidParamsError")
    assert body["data"]["fieldViolations"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "error", "code"), [(b"{", ParseError, -32700), (b"[]", InvalidRequest, -32600), (b"", ParseError, -32700)]
)
def test_a_body_that_is_no_object(body: bytes, error: type[MeshError], code: int) -> None:
    found, status, told = refused("POST /v1/message:send", body)
    assert (type(found), status, told["code"]) == (error, 400, code)


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("POST /v1/tasks/t:cancel", {"name": "tasks/u"}),
        ("POST /v1/tasks/t:cancel", {"id": "u"}),
        ("GET /v1/tasks/t?name=tasks/u", None),
    ],
)
def test_a_task_that_is_named_twice_is_the_same(line: str, body: Any) -> None:
    assert isinstance(refused(line, body)[0], InvalidParams)
    agreed = json.loads(json.dumps(body).replace("u", "t")) if body else None
    assert read(line.replace("u", "t") if body is None else line, agreed).task_id == "t"


# -- dispatch


@pytest.mark.parametrize("version", ["", "0.3", "0.3.0"])
@pytest.mark.parametrize("path", ["/message:send", "/v1/message:send", "/message:stream"])
@pytest.mark.requirement("legacy.rest", "legacy.dispatch")
def test_a_message_of_1_0_without_its_version_is_told_the_header_to_send(version: str, path: str) -> None:
    named = {"a2a_version": version} if version else {}
    error, status, body = refused(f"POST {path}", {"message": NEW}, **named)
    assert type(error) is VersionNotSupported
    # Its caller speaks 1.0, so it is answered in 1.0's form.
    assert (status, body["error"]["details"][0]["reason"]) == (400, "VERSION_NOT_SUPPORTED")
    assert "A2A-Version: 1.0" in body["error"]["message"]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.requirement("legacy.rest", "legacy.dispatch")
def test_a_path_of_0_3_with_another_version_is_refused(version: str) -> None:
    error, status, body = refused("POST /v1/message:send", {"message": MESSAGE}, a2a_version=version)
    assert type(error) is VersionNotSupported
    assert (status, body["error"]["details"][0]["reason"]) == (400, "VERSION_NOT_SUPPORTED")


# -- the two styles


@pytest.mark.parametrize("message", [OLD_JSON, SNAKE, {**OLD_JSON, "kind": ""}])
@pytest.mark.parametrize("path", ["/v1/message:send", "/message:send"])
@pytest.mark.requirement("legacy.rest")
def test_a_message_in_json_rpcs_style_is_read_and_answered_in_it(message: Tree, path: str) -> None:
    assert read(f"POST {path}", {"message": message}).payload.tree() == {"message": NEW}
    assert answered(f"POST {path}", {"message": message}, ANSWER) == {
        "kind": "task",
        "id": "t",
        "contextId": "c",
        "status": {"state": "canceled"},
    }


@pytest.mark.parametrize("path", ["/v1/message:send", "/message:send"])
@pytest.mark.requirement("legacy.rest")
def test_a_message_in_protos_style_is_answered_in_it(path: str) -> None:
    expected = {"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_CANCELLED"}}}
    assert answered(f"POST {path}", {"message": MESSAGE}, ANSWER) == expected


@pytest.mark.requirement("legacy.rest")
def test_a_request_without_a_body_is_answered_in_the_style_of_its_path() -> None:
    task = ANSWER["task"]
    assert answered("GET /v1/tasks/t", None, task)["status"] == {"state": "TASK_STATE_CANCELLED"}
    assert answered("GET /tasks/t", None, task)["status"] == {"state": "canceled"}
    assert answered("POST /tasks/t:cancel", {}, task)["kind"] == "task"


def test_an_answer_that_has_no_form_is_the_agents_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise InvalidParams("what")

    exchange = BINDING.server()
    exchange.decode_request(request("GET /v1/tasks/t"))
    monkeypatch.setattr("meshgate.a2a.bindings.http_json.rest_0_3.native_of", fail)
    with pytest.raises(InvalidAgentResponse, match=r"no form in A2A 0\.3: what"):
        exchange.encode_answer(JsonPayload(METHODS["GetTask"].response, ANSWER["task"]))


# -- ids


def owned(task: str) -> str:
    return f"~{task}"


def referenced(task: str) -> str:
    return f"!{task}"


@pytest.mark.requirement("legacy.rest")
def test_ids_are_mapped_where_they_stand() -> None:
    said = {**MESSAGE, "taskId": "1"}
    task = {
        "id": "1",
        "contextId": "c",
        "status": {"state": "TASK_STATE_WORKING", "message": said},
        "history": [said],
    }
    read_as = client("SendMessage", {"message": NEW, "configuration": {"historyLength": 9}})
    mapped = read_as.decode_answer(json.dumps({"task": task}).encode()).with_ids(IdMap(owned, referenced, str.upper))
    assert isinstance(mapped, LegacyPayload)
    found = mapped.native["task"]
    assert (found["contextId"], mapped.tree()["task"]["contextId"]) == ("C", "C")
    assert (found["id"], found["status"]["message"]["taskId"], found["history"][0]["taskId"]) == ("~1", "~1", "~1")
    assert mapped.tree()["task"]["status"]["message"]["taskId"] == "~1"
    asked = read("GET /v1/tasks/1").payload.with_ids(IdMap(owned, referenced, str.upper))
    assert cast("LegacyPayload", asked).native == {"name": "tasks/~1"}


@pytest.mark.parametrize("place", ["message", "task", "statusUpdate", "history"])
@pytest.mark.requirement("legacy.rest")
def test_references_that_a_gateway_kept_are_mapped(place: str) -> None:
    said = {**MESSAGE, "metadata": {"meshgate/v1": {"referenceTaskIds": ["r"]}}}
    status = {"state": "TASK_STATE_WORKING", "message": said}
    events: dict[str, Tree] = {
        "message": {"message": said},
        "task": {"task": {"id": "1", "status": status}},
        "statusUpdate": {"statusUpdate": {"taskId": "1", "status": status}},
        "history": {"task": {"id": "1", "status": {"state": "TASK_STATE_WORKING"}, "history": [said]}},
    }
    asked = client("SendStreamingMessage", {"message": NEW, "configuration": {"historyLength": 9}})
    mapped = asked.decode_event(json.dumps(events[place]).encode()).with_ids(IdMap(owned, referenced, str.upper))
    assert '"referenceTaskIds": ["!r"]' in json.dumps(mapped.tree())


# -- errors


@pytest.mark.parametrize(("code", "name"), NAME_OF.items())
@pytest.mark.requirement("legacy.rest_errors")
def test_each_error_of_0_3_has_its_number_and_its_names(code: str, name: str) -> None:
    cls = error_class(code)
    assert cls is not None
    failure = BINDING.server().encode_error(cls("what"))
    body = json.loads(failure.body)
    assert (body["type"], body["error"], body["message"]) == (name, f"io.a2a.spec.{name}", "what")
    assert body["data"]["reason"] == code
    assert failure.status == json.loads(rest.BINDING.server().encode_error(cls("what")).body)["error"]["code"]
    assert -32700 <= body["code"] <= -32001


@pytest.mark.requirement("legacy.rest_errors")
def test_an_unknown_task_is_as_every_client_knows_it() -> None:
    failure = BINDING.server().encode_error(TaskNotFound("gone"))
    assert failure.status == 404
    assert json.loads(failure.body) == {
        "code": -32001,
        "type": "TaskNotFoundError",
        "error": "io.a2a.spec.TaskNotFoundError",
        "message": "gone",
        "data": {"reason": "TASK_NOT_FOUND", "domain": "a2a-protocol.org", "metadata": {}},
    }


@pytest.mark.requirement("legacy.rest_errors")
def test_an_error_of_the_meshs_own_is_an_internal_one_that_says_which() -> None:
    failure = BINDING.server().encode_error(RateLimited("slow", retry_after=2.0, metadata={"limit": "8"}))
    body = json.loads(failure.body)
    assert (failure.status, body["code"], body["type"]) == (429, -32603, "InternalError")
    assert body["data"] == {
        "reason": "RATE_LIMITED",
        "domain": "meshgate.dev",
        "metadata": {"limit": "8"},
        "retryDelay": "2.000s",
    }


@pytest.mark.requirement("legacy.rest_errors")
def test_an_agents_own_error_is_passed_on_as_it_said_it() -> None:
    failure = BINDING.server().encode_error(AgentError("no", number=7, data={"a": 1}, metadata={"httpStatus": "422"}))
    body = json.loads(failure.body)
    assert (failure.status, body["code"], body["message"], body["data"]) == (422, 7, "no", {"a": 1})
    found = client().decode_error(failure)
    assert (type(found), found.number, found.data) == (AgentError, 7, {"a": 1})


@pytest.mark.requirement("legacy.rest_errors")
def test_without_v1_an_error_has_the_form_that_gos_clients_read() -> None:
    exchange = BINDING.server()
    exchange.decode_request(request("GET /tasks/t"))
    failure = exchange.encode_error(TaskNotFound("gone"))
    assert failure == rest.BINDING.server().encode_error(TaskNotFound("gone"))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # By the number, as JavaScript's servers say it; by the name, as Java's do; by the status alone, as Python's.
        (404, {"code": -32001, "message": "what"}, TaskNotFound),
        (409, {"code": -32002, "message": "what"}, TaskNotCancelable),
        (404, {"error": "io.a2a.spec.TaskNotFoundError", "message": "what"}, TaskNotFound),
        (500, {"type": "TaskNotCancelableError", "message": "what"}, TaskNotCancelable),
        (404, {"message": "what"}, TaskNotFound),
        (409, {"message": "what"}, TaskNotCancelable),
        (422, {"message": "what"}, InvalidParams),
        (501, {"message": "what"}, UnsupportedOperation),
        (500, {"message": "what"}, AgentError),
        # The number of a status is none of JSON-RPC's.
        (404, {"code": 404, "type": "TaskNotCancelableError", "message": "what"}, TaskNotCancelable),
        (404, {"code": 404, "message": "what"}, TaskNotFound),
        (400, {"code": 17, "type": "TaskNotFoundError", "message": "what"}, TaskNotFound),
        (400, {"code": 17, "message": "what"}, AgentError),
        # In 1.0's form, and as an error object of JSON-RPC.
        (404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "what"}}, TaskNotFound),
        (200, {"error": {"code": -32002, "message": "what"}}, TaskNotCancelable),
        # An agent cannot say these of the mesh.
        (500, {"code": -32603, "message": "what"}, AgentError),
        (500, {"type": "InternalError", "message": "what"}, AgentError),
        (400, {"code": -32603, "message": "what", "data": {"reason": "LOOP", "domain": "meshgate.dev"}}, AgentError),
        # These are no errors.
        (404, {}, InvalidAgentResponse),
        (404, {"detail": "what"}, InvalidAgentResponse),
        (404, {"message": {}}, InvalidAgentResponse),
        (404, {"type": 7, "error": 8, "code": True}, InvalidAgentResponse),
    ],
)
@pytest.mark.requirement("legacy.rest_errors")
def test_what_an_agents_error_means(status: int, body: Tree, kind: type[MeshError]) -> None:
    found = client().decode_error(Failure(status, json.dumps(body).encode()))
    assert type(found) is kind
    assert (found.message == "what") is (kind is not InvalidAgentResponse)


@pytest.mark.requirement("legacy.rest_errors")
def test_a_gateway_is_taken_at_its_word() -> None:
    for error in (LoopDetected("what"), NoRoute("what"), InternalError("what")):
        got = client(peer="mesh").decode_error(BINDING.server().encode_error(error))
        assert (type(got), got.message) == (type(error), "what")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": -32001, "message": "what"}, True),
        ({"type": "TaskNotFoundError"}, True),
        ({"error": "io.a2a.spec.TaskNotFoundError"}, True),
        ({"error": {"details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X"}]}}, True),
        ({"code": 503, "message": "what"}, False),
        ({"message": "what"}, False),
        ({"type": "about:blank", "title": "no"}, False),
        ([], False),
    ],
)
@pytest.mark.requirement("legacy.rest_errors")
def test_which_bodies_say_more_than_the_status(body: Any, expected: bool) -> None:
    assert BINDING.has_reason(json.dumps(body).encode()) is expected


STOCK = {cls.__name__: cls for cls in foreign_errors.JSON_RPC_ERROR_CODE_MAP}


@pytest.mark.parametrize("name", [name for name in NAME_OF.values() if name in STOCK])
@pytest.mark.requirement("legacy.rest_errors")
async def test_a_stock_client_raises_the_error_that_it_is(name: str) -> None:
    cls = error_class(CODE_OF[name])
    assert cls is not None
    failure = BINDING.server().encode_error(cls("what"))
    transport = httpx.MockTransport(lambda _: httpx.Response(failure.status, content=failure.body))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(STOCK[name], match="what"):
            await foreign.legacy_rest_client(http).get_task(a2a_pb2.GetTaskRequest(id="t"))


def test_a_stock_client_knows_the_errors_that_matter() -> None:
    assert set(NAME_OF.values()) - STOCK.keys() <= {"AuthenticatedExtendedCardNotConfiguredError"}


# -- the client


@pytest.mark.parametrize(
    ("name", "tree", "line", "body"),
    [
        (
            "SendMessage",
            {"message": NEW, "tenant": "x"},
            "POST /v1/message:send",
            {"message": MESSAGE, "configuration": {"blocking": True}},
        ),
        (
            "SendStreamingMessage",
            {"message": NEW, "configuration": {"returnImmediately": True}},
            "POST /v1/message:stream",
            {"message": MESSAGE, "configuration": {"blocking": False}},
        ),
        ("GetTask", {"id": "a/b", "historyLength": 3}, "GET /v1/tasks/a%2Fb?historyLength=3", None),
        ("GetTask", {"id": "t", "historyLength": 0}, "GET /v1/tasks/t", None),
        ("CancelTask", {"id": "t"}, "POST /v1/tasks/t:cancel", {"name": "tasks/t"}),
        ("SubscribeToTask", {"id": "t"}, "GET /v1/tasks/t:subscribe", None),
    ],
)
@pytest.mark.requirement("legacy.rest")
def test_what_an_agent_is_asked(name: str, tree: Tree, line: str, body: Tree | None) -> None:
    asked = client(name, tree).request
    query = f"?{asked.query}" if asked.query else ""
    assert f"{asked.method} {asked.path}{query}" == line
    assert (json.loads(asked.body) if asked.body else None) == body
    assert ("content-type" in asked.headers) is (body is not None)
    assert "a2a-version" not in asked.headers


@pytest.mark.requirement("legacy.rest", "legacy.history")
def test_the_history_is_cut_to_what_was_asked_for() -> None:
    history = [{**MESSAGE, "messageId": str(number)} for number in range(3)]
    task = {"id": "t", "status": {"state": "TASK_STATE_WORKING"}, "history": history}
    got = client(tree={"id": "t", "historyLength": 1}).decode_answer(json.dumps(task).encode())
    assert [each["messageId"] for each in got.tree()["history"]] == ["2"]
    sent = client("SendMessage", {"message": NEW, "configuration": {"historyLength": 2}})
    got = sent.decode_answer(json.dumps({"task": task}).encode())
    assert [each["messageId"] for each in got.native["task"]["history"]] == ["1", "2"]


@pytest.mark.requirement("legacy.rest")
def test_an_answer_in_json_rpcs_style_is_read() -> None:
    # Go's servers write keys as a .proto spells them.
    task = {"kind": "task", "id": "t", "context_id": "c", "status": {"state": "canceled"}}
    assert client().decode_answer(json.dumps(task).encode()).tree() == ANSWER["task"]
    event = {"kind": "status-update", "task_id": "t", "context_id": "c", "final": True, "status": {"state": "failed"}}
    got = client("SubscribeToTask").decode_event(json.dumps(event).encode())
    assert got.tree() == {"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_FAILED"}}}


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "t", "status": {"state": "completed"}},
        {"id": "", "status": {"state": "TASK_STATE_WORKING"}},
        {"id": "t"},
        {"kind": "artifact", "id": "t"},
        [],
    ],
)
def test_an_answer_that_is_not_valid_is_the_agents_fault(answer: Any) -> None:
    with pytest.raises(InvalidAgentResponse):
        client().decode_answer(json.dumps(answer).encode())


def test_a_timestamp_without_a_zone_is_corrected() -> None:
    task = {"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": "2026-01-02T03:04:05"}}
    got = client().decode_answer(json.dumps(task).encode())
    assert got.corrected
    assert got.native["status"]["timestamp"] == "2026-01-02T03:04:05Z"
    task["status"] = {"state": "TASK_STATE_WORKING"}
    assert not client().decode_answer(json.dumps(task).encode()).corrected


@pytest.mark.requirement("legacy.rest", "legacy.stock")
@pytest.mark.parametrize("name", list(METHODS)[:5])
async def test_a_stock_server_answers_each_operation(name: str) -> None:
    method, task = METHODS[name], a2a_pb2.Task(id="task-1", context_id="c", status=foreign.task().status)
    event = a2a_pb2.StreamResponse(task=task)
    sends, whole = name.startswith("Send"), a2a_pb2.SendMessageResponse(task=task)
    agent = foreign.ScriptedAgent(task)
    asked = client(name, {"message": NEW} if sends else {"id": "task-1"})
    answer = await foreign.send_rest(agent, asked.request, "0.3")
    assert answer.status_code == 200
    data = answer.content.partition(b"data: ")[2].split(b"\r")[0] if method.streaming else answer.content
    told: Any = event if method.streaming else whole if sends else task
    (told if told is task else told.task).status.message.ClearField("reference_task_ids")
    assert asked.decode_answer(data).digest() == ProtoPayload(method.response, told).digest()
