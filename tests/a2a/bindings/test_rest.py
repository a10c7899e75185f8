"""The HTTP+JSON binding: literal requests and answers, a2a-sdk's client and server, and equal payloads to JSON-RPC."""

import json
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from a2a.types import a2a_pb2
from a2a.utils import errors as foreign_errors
from a2a.utils.error_handlers import build_rest_error_payload
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a import errors
from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.http_json.errors import has_reason, http_status
from meshgate.a2a.bindings.http_json.paths import ROUTES, find_route
from meshgate.a2a.bindings.http_json.rest import BINDING
from meshgate.a2a.bindings.statuses import GRPC_NUMBER, GRPC_STATUS, REST_STATUS
from meshgate.a2a.call import Call
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import AgentError, InvalidAgentResponse, InvalidParams, MeshError
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from tests.a2a.test_errors import LEAVES
from tests.support import foreign

MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
VERSION = {"a2a-version": "1.0"}
TASK = {"id": "t", "status": {"state": "TASK_STATE_WORKING"}}
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
VALUE = "type.googleapis.com/google.protobuf.Value"


def request(line: str, body: Any = None, **headers: str) -> Request:
    """A request as a server hands it over: its first line as it came."""
    verb, target = line.split(" ")
    path, _, query = target.partition("?")
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {**VERSION, **({"content-type": "application/json"} if data else {})}
    sent |= {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(verb, unquote(path), query, {name: text for name, text in sent.items() if text}, data, None, path)


def read(line: str, body: Any = None, **headers: str) -> Call:
    asked = request(line, body, **headers)
    assert BINDING.takes(asked)
    return BINDING.server().decode_request(asked)


def refused(line: str, body: Any = None, **headers: str) -> MeshError:
    with pytest.raises(MeshError) as caught:
        read(line, body, **headers)
    return caught.value


def client(name: str = "GetTask", tree: dict[str, Any] | None = None, peer: Peer = "agent") -> Any:
    method = METHODS[name]
    return BINDING.client(method, JsonPayload(method.request, tree or {"id": "t"}), peer=peer)


def decoded(status: int, fault: Any, peer: Peer = "agent") -> MeshError:
    found: MeshError = client(peer=peer).decode_error(Failure(status, json.dumps({"error": fault}).encode()))
    return found


# -- paths


@pytest.mark.parametrize(
    ("line", "operation", "fields"),
    [
        ("POST /message:send", "SendMessage", {}),
        ("POST /message:stream", "SendStreamingMessage", {}),
        ("GET /tasks/t-1", "GetTask", {"id": "t-1"}),
        ("POST /tasks/t-1:cancel", "CancelTask", {"id": "t-1"}),
        ("POST /tasks/t-1:subscribe", "SubscribeToTask", {"id": "t-1"}),
        ("GET /tasks/t-1:subscribe", "SubscribeToTask", {"id": "t-1"}),
        ("GET /tasks", "ListTasks", {}),
        ("POST /tasks/t/pushNotificationConfigs", "CreateTaskPushNotificationConfig", {"taskId": "t"}),
        ("GET /tasks/t/pushNotificationConfigs", "ListTaskPushNotificationConfigs", {"taskId": "t"}),
        ("GET /tasks/t/pushNotificationConfigs/c", "GetTaskPushNotificationConfig", {"taskId": "t", "id": "c"}),
        ("DELETE /tasks/t/pushNotificationConfigs/c", "DeleteTaskPushNotificationConfig", {"taskId": "t", "id": "c"}),
        ("GET /extendedAgentCard", "GetExtendedAgentCard", {}),
        # A tenant is one more segment, of any name but that of the older version.
        ("POST /blue/message:send", "SendMessage", {"tenant": "blue"}),
        ("GET /tasks/tasks", "GetTask", {"id": "tasks"}),
        ("GET /tasks/tasks/t", "GetTask", {"tenant": "tasks", "id": "t"}),
        ("POST /a%2Fb/tasks/t:cancel", "CancelTask", {"tenant": "a/b", "id": "t"}),
        # Each segment is decoded once, after it was read.
        ("GET /tasks/ab.~x%2Fy%3Acancel", "GetTask", {"id": "ab.~x/y:cancel"}),
        ("GET /tasks/a%252Fb", "GetTask", {"id": "a%2Fb"}),
        ("GET /tasks/%2E%2E", "GetTask", {"id": ".."}),
        ("POST /tasks/a:b:cancel", "CancelTask", {"id": "a:b"}),
        ("POST /message%3Asend", "SendMessage", {}),
    ],
)
def test_the_path_says_which_operation_it_is(line: str, operation: str, fields: dict[str, str]) -> None:
    asked = request(line)
    found = find_route(asked.method, asked.path, asked.raw_path)
    assert found is not None
    assert (found.route.operation, found.fields()) == (operation, fields)


@pytest.mark.parametrize(
    "line",
    [
        "POST /",
        "GET /",
        "GET /message:send",
        "PUT /message:send",
        "POST /message:other",
        "POST /tasks",
        "POST /tasks/t",
        "DELETE /tasks/t",
        "POST /tasks/:cancel",
        "GET /tasks/",
        "GET /tasks//",
        "GET /tasks/..",
        "GET /tasks/t/../x",
        "GET //tasks/t",
        "GET /tasks/t/",
        "GET /a/b/tasks/t",
        "GET /tasks/t/more",
        "GET /.well-known/agent-card.json",
        # A2A 0.3's paths.
        "POST /v1/message:send",
        "GET /v1/tasks/t",
        "GET /v1/card",
    ],
)
def test_no_other_path_is_taken(line: str) -> None:
    assert not BINDING.takes(request(line))


def test_a_path_that_no_server_showed_encoded_is_read_as_it_is() -> None:
    assert BINDING.server().decode_request(Request("GET", "/tasks/a%b~c", headers=VERSION)).task_id == "a%b~c"


def test_a_path_that_is_no_utf_8_is_refused() -> None:
    assert isinstance(refused("GET /tasks/%FF"), InvalidParams)


def test_each_operation_of_a2a_has_a_place() -> None:
    assert sorted(route.operation for route in ROUTES) == sorted(METHODS)


# -- requests


def test_a_message_is_the_body() -> None:
    body = {"message": MESSAGE, "tenant": "blue", "metadata": {"x": None}}
    call = read("POST /message:send", body)
    assert (call.method.name, call.message_id, call.payload.tree()) == ("SendMessage", "m", body)


def test_what_the_path_says_is_in_the_request() -> None:
    call = read("GET /blue/tasks/t-1?historyLength=3&A2A-Version=1.0&utm=x", a2a_version="")
    assert (call.task_id, call.payload.tree()) == ("t-1", {"historyLength": 3, "id": "t-1", "tenant": "blue"})
    again = read("POST /blue/tasks/t:cancel", {"id": "t", "tenant": "blue", "metadata": {"why": 1}})
    assert again.payload.tree() == {"metadata": {"why": 1}, "id": "t", "tenant": "blue"}
    assert read("POST /tasks/t:cancel").payload.tree() == {"id": "t"}
    assert read("POST /tasks/t:cancel", {"id": None, "tenant": "blue"}).payload.tree() == {"tenant": "blue", "id": "t"}


@pytest.mark.parametrize(
    ("line", "body", "field"),
    [
        ("POST /blue/message:send", {"message": MESSAGE, "tenant": "red"}, "tenant"),
        ("POST /tasks/t:cancel", {"id": "other"}, "id"),
        ("GET /tasks/t?id=other", None, "id"),
        ("GET /blue/tasks/t?tenant=red", None, "tenant"),
        ("GET /tasks/t?historyLength=1&historyLength=2", None, "historyLength"),
        ("GET /tasks/t?historyLength=1.5", None, "historyLength"),
        ("GET /tasks/t?historyLength=%2B1", None, "historyLength"),
        ("GET /tasks/t?historyLength=%C2%B2", None, "historyLength"),
        ("GET /tasks/t?historyLength=", None, "historyLength"),
        ("GET /tasks/t?historyLength=-1", None, "historyLength"),
        ("GET /tasks/t?HistoryLength=1", None, "HistoryLength"),
        ("GET /tasks/t?historylength=1", None, "historylength"),
        ("GET /tasks/t?history_length=1&historyLength=1", None, "history_length"),
        ("POST /message:send", {}, "message"),
    ],
)
def test_a_field_that_is_wrong_is_named(line: str, body: Any, field: str) -> None:
    found = refused(line, body)
    assert (found.code, found.violations[0][0]) == ("INVALID_PARAMS", field)


def test_a_field_may_be_spelt_as_the_proto_does() -> None:
    assert read("GET /tasks/t?history_length=2").payload.tree() == {"historyLength": 2, "id": "t"}


@pytest.mark.parametrize("query", ["x=%FF", "&".join(f"a{number}=1" for number in range(101))])
def test_a_query_that_cannot_be_read_is_refused(query: str) -> None:
    assert refused(f"GET /tasks/t?{query}").code == "INVALID_PARAMS"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "PARSE_ERROR"), (b"{", "PARSE_ERROR"), (b"[]", "INVALID_REQUEST"), (b"1", "INVALID_REQUEST")],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, code: str) -> None:
    assert refused("POST /message:send", body).code == code


@pytest.mark.parametrize("version", ["", "0.3", "1.1", "one"])
def test_another_version_is_refused_with_the_header_to_send(version: str) -> None:
    for line, body in (("POST /message:send", {"message": MESSAGE}), ("GET /tasks/t", None)):
        found = refused(line, body, a2a_version=version)
        assert (found.code, "A2A-Version: 1.0" in found.message) == ("VERSION_NOT_SUPPORTED", True)


@pytest.mark.parametrize(
    ("headers", "media"),
    [
        ({}, "application/json"),
        ({"content_type": "application/json", "accept": "*/*"}, "application/json"),
        ({"content_type": "application/a2a+json; charset=utf-8"}, "application/a2a+json"),
        ({"accept": "application/a2a+json, application/json"}, "application/a2a+json"),
        ({"accept": "text/event-stream"}, "application/json"),
    ],
)
def test_an_answer_has_the_media_type_of_its_request(headers: dict[str, str], media: str) -> None:
    exchange = BINDING.server()
    exchange.decode_request(request("POST /message:send", {"message": MESSAGE}, **headers))
    assert exchange.media_type == media
    assert BINDING.server().media_type == "application/json"


# -- the same call over JSON-RPC

_IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": _IDS,
    "tenant": _IDS,
    "historyLength": st.integers(0, 99),
    "metadata": st.dictionaries(_IDS, st.integers(0, 9), max_size=2),
    "message": _IDS.map(lambda name: {**MESSAGE, "contextId": name}),
}
_OF: dict[str, tuple[str, list[str]]] = {
    "SendMessage": ("message", ["tenant", "metadata"]),
    "SendStreamingMessage": ("message", ["tenant", "metadata"]),
    "GetTask": ("id", ["tenant", "historyLength"]),
    "CancelTask": ("id", ["tenant", "metadata"]),
    "SubscribeToTask": ("id", ["tenant"]),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation and its parameters."""
    name = draw(st.sampled_from(sorted(_OF)))
    required, others = _OF[name]
    chosen = draw(st.sets(st.sampled_from(others)))
    return name, {field: draw(_FIELDS[field]) for field in (required, *sorted(chosen))}


@given(calls())
def test_a_call_is_the_same_over_json_rpc(case: tuple[str, dict[str, Any]]) -> None:
    name, params = case
    rpc = json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}).encode()
    first = jsonrpc.BINDING.server().decode_request(Request(headers=VERSION, body=rpc))
    try:
        sent = BINDING.client(METHODS[name], first.payload).request
    except InvalidParams:
        assert {params.get("id"), params.get("tenant")} & {".", ".."}
        return
    raw = Request(sent.method, unquote(sent.path), sent.query, {**sent.headers, **VERSION}, sent.body, None, sent.path)
    second = BINDING.server().decode_request(raw)
    assert second.payload.tree() == first.payload.tree()
    assert second.payload.digest() == first.payload.digest()
    assert (second.method, second.task_id, second.message_id) == (first.method, first.task_id, first.message_id)
    assert BINDING.server().encode_answer(first.payload) == BINDING.server().encode_event(second.payload) or (
        json.loads(BINDING.server().encode_answer(first.payload)) == second.payload.tree()
    )


# -- what our client sends


@pytest.mark.parametrize(
    ("name", "tree", "line", "body"),
    [
        ("SendMessage", {"message": MESSAGE}, "POST /message:send", {"message": MESSAGE}),
        ("SendMessage", {"message": MESSAGE, "tenant": "a/b"}, "POST /a%2Fb/message:send", None),
        ("GetTask", {"id": "T~x/y z%", "historyLength": 0}, "GET /tasks/T~x%2Fy%20z%25?historyLength=0", b""),
        ("GetTask", {"id": "t", "unknown": "x", "tenant": "b"}, "GET /b/tasks/t", b""),
        ("CancelTask", {"id": "t:cancel"}, "POST /tasks/t%3Acancel:cancel", {"id": "t:cancel"}),
        ("SubscribeToTask", {"id": "t"}, "POST /tasks/t:subscribe", b""),
    ],
)
def test_a_request_is_written_as_a2a_says(name: str, tree: dict[str, Any], line: str, body: Any) -> None:
    sent = client(name, tree).request
    assert f"{sent.method} {sent.path}{'?' + sent.query if sent.query else ''}" == line
    if body == b"":
        assert (sent.body, "content-type" in sent.headers) == (b"", False)
    else:
        assert json.loads(sent.body) == (body or tree)
        assert sent.headers["content-type"] == "application/json"


@pytest.mark.parametrize("task", [".", "..", ""])
def test_an_id_that_has_no_place_in_a_path_is_refused(task: str) -> None:
    with pytest.raises(InvalidParams):
        client("GetTask", {"id": task})


# -- errors as they are written


def test_an_error_is_a_status_and_its_details() -> None:
    error = errors.RateLimited("slow down", retry_after=1.5, metadata={"limit": "3"}, violations=(("a", "is b"),))
    told = BINDING.server().encode_error(error)
    assert (told.status, json.loads(told.body)) == (
        429,
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "slow down",
                "details": [
                    {"@type": INFO, "reason": "RATE_LIMITED", "domain": "meshgate.dev", "metadata": {"limit": "3"}},
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [{"field": "a", "description": "is b"}],
                    },
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
                ],
            }
        },
    )


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        (foreign_errors.TaskNotFoundError, 404, "NOT_FOUND"),
        (foreign_errors.TaskNotCancelableError, 400, "FAILED_PRECONDITION"),
        (foreign_errors.PushNotificationNotSupportedError, 400, "FAILED_PRECONDITION"),
        (foreign_errors.UnsupportedOperationError, 400, "FAILED_PRECONDITION"),
        (foreign_errors.ContentTypeNotSupportedError, 400, "INVALID_ARGUMENT"),
        (foreign_errors.InvalidAgentResponseError, 500, "INTERNAL"),
        (foreign_errors.ExtendedAgentCardNotConfiguredError, 400, "FAILED_PRECONDITION"),
        (foreign_errors.ExtensionSupportRequiredError, 400, "FAILED_PRECONDITION"),
        (foreign_errors.VersionNotSupportedError, 400, "FAILED_PRECONDITION"),
    ],
)
def test_the_statuses_are_the_specifications(kind: Any, status: int, name: str) -> None:
    (ours,) = (cls for cls in LEAVES if cls.__name__ == kind.__name__.removesuffix("Error"))
    told = json.loads(BINDING.server().encode_error(ours("what")).body)["error"]
    assert (told["code"], told["status"]) == (status, name)
    # a2a-sdk's server says the same reason, and we understand it.
    said = build_rest_error_payload(kind("what"))
    found = decoded(said["error"]["code"], said["error"])
    assert (type(found), found.message) == (ours, "what")


@pytest.mark.parametrize("cls", LEAVES)
def test_every_error_has_a_status_in_http_and_in_grpc(cls: type[MeshError]) -> None:
    assert GRPC_STATUS[cls.code] in GRPC_NUMBER
    assert http_status(cls()) == REST_STATUS.get(cls.code, 500)
    assert http_status(cls()) in range(400, 600)


# -- errors as they are read


def info(reason: str, domain: str = "a2a-protocol.org", **metadata: str) -> dict[str, Any]:
    return {"@type": INFO, "reason": reason, "domain": domain, "metadata": metadata}


@pytest.mark.parametrize(
    ("status", "fault", "code"),
    [
        # The reason decides, whatever the status: 1.0.0 and 1.0.1 differ in those.
        (409, {"status": "FAILED_PRECONDITION", "details": [info("TASK_NOT_CANCELABLE")]}, "TASK_NOT_CANCELABLE"),
        (400, {"status": "FAILED_PRECONDITION", "details": [info("TASK_NOT_CANCELABLE")]}, "TASK_NOT_CANCELABLE"),
        (502, {"details": [info("INVALID_AGENT_RESPONSE")]}, "INVALID_AGENT_RESPONSE"),
        (503, {"details": [info("RATE_LIMITED", "meshgate.dev")]}, "RATE_LIMITED"),
        # Then the status.
        (409, {"status": "FAILED_PRECONDITION"}, "TASK_NOT_CANCELABLE"),
        (415, {"status": "INVALID_ARGUMENT"}, "CONTENT_TYPE_NOT_SUPPORTED"),
        (502, {}, "INVALID_AGENT_RESPONSE"),
        (404, {"status": "NOT_FOUND"}, "TASK_NOT_FOUND"),
        (404, {}, "TASK_NOT_FOUND"),
        (400, {"status": "INVALID_ARGUMENT"}, "INVALID_PARAMS"),
        (400, {"status": "FAILED_PRECONDITION"}, "UNSUPPORTED_OPERATION"),
        (501, {"status": "UNIMPLEMENTED"}, "UNSUPPORTED_OPERATION"),
        (429, {}, "RATE_LIMITED"),
        (504, {}, "UPSTREAM_DEADLINE"),
        (401, {}, "UPSTREAM_UNAVAILABLE"),
        # What nobody else says is the agent's own.
        (409, {"status": "ABORTED"}, "AGENT_ERROR"),
        (422, {}, "AGENT_ERROR"),
        (500, {"status": "INTERNAL"}, "AGENT_ERROR"),
        (404, {"status": "NOT_FOUND", "details": [info("NO_SUCH_ACCOUNT", "bank.example")]}, "AGENT_ERROR"),
        (503, {"details": [info("NO_ROUTE", "meshgate.dev")]}, "AGENT_ERROR"),
    ],
)
def test_an_agents_error_is_read_by_its_reason_then_its_status(status: int, fault: Any, code: str) -> None:
    found = decoded(status, {"code": status, "message": "what", **fault})
    assert found.code == code
    if status != 401:
        assert found.message == "what"


@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
@pytest.mark.parametrize("data", [{"account": 7}, [1, "x"], "text"])
def test_an_agents_own_error_reaches_the_caller_as_it_was(status: int, data: Any) -> None:
    details = [info("NO_SUCH_ACCOUNT", "bank.example", shard="3"), {"@type": VALUE, "value": data}]
    said = {"code": status, "status": "ABORTED", "message": "no such account", "details": details}
    found = decoded(status, said)
    assert isinstance(found, AgentError)
    assert (found.data, found.status, found.metadata["agentReason"]) == (data, 10, "NO_SUCH_ACCOUNT")
    told = BINDING.server().encode_error(found)
    fault = json.loads(told.body)["error"]
    assert (told.status, fault["code"], fault["status"], fault["message"]) == (status, status, "ABORTED", found.message)
    assert fault["details"][0]["metadata"]["source"] == "agent"
    assert fault["details"][-1] == {"@type": VALUE, "value": data}
    # Through a second gateway nothing is lost.
    again = decoded(told.status, fault, peer="mesh")
    assert isinstance(again, AgentError)
    assert (again.data, again.status, again.metadata) == (data, 10, found.metadata)


def test_an_agents_code_of_json_rpc_is_told() -> None:
    error = AgentError("no such account", number=1001, data={"account": 7}, metadata={"code": "1001"})
    told = BINDING.server().encode_error(error)
    fault = json.loads(told.body)["error"]
    assert (told.status, fault["status"]) == (500, "UNKNOWN")
    again = decoded(told.status, fault, peer="mesh")
    assert isinstance(again, AgentError)
    assert (again.number, again.data) == (1001, {"account": 7})


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"httpStatus": "422"}, 422),
        ({"httpStatus": "401"}, 500),
        ({"httpStatus": "403"}, 500),
        ({"httpStatus": "200"}, 500),
        ({"httpStatus": "\u0664\u0664\u0664"}, 500),
        ({"httpStatus": "4e2"}, 500),
        ({}, 409),
    ],
)
def test_an_agents_status_is_kept_unless_it_would_speak_of_the_callers_key(facts: dict[str, str], status: int) -> None:
    numbered = AgentError("x", status=None if facts else GRPC_NUMBER["ABORTED"], metadata=facts)
    assert BINDING.server().encode_error(numbered).status == status


def test_what_an_agent_says_is_bounded() -> None:
    large = {"@type": VALUE, "value": "y" * 100_000}
    for details in ([large], [{"x": "y" * 100_000}], [info("AGENT_ERROR", "meshgate.dev"), large]):
        found = decoded(422, {"message": "m" * 9000, "details": details})
        assert len(BINDING.server().encode_error(found).body) < 4000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", False),
        (b"[]", False),
        (b"{}", False),
        (b'{"error":"busy"}', False),
        (b'{"error":{"code":503}}', False),
        (json.dumps({"error": {"details": [info("")]}}).encode(), False),
        (json.dumps({"error": {"details": [info("OWN")]}}).encode(), True),
        (b"[" * 100_000, False),
    ],
)
def test_an_error_that_names_its_reason_is_told_from_one_that_does_not(body: bytes, expected: bool) -> None:
    assert has_reason(body) is expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error": "busy"}', b'{"code": 7, "message": {}}'])
def test_a_body_that_is_no_error_is_the_agents_fault(body: bytes) -> None:
    assert isinstance(client().decode_error(Failure(400, body)), InvalidAgentResponse)


# -- streams


def test_an_error_ends_a_stream_as_an_event_of_its_own() -> None:
    exchange = BINDING.server()
    assert exchange.error_event == "error"
    data = exchange.encode_error(errors.UpstreamDeadline("late")).body
    with pytest.raises(errors.UpstreamDeadline, match="late"):
        client("SubscribeToTask", peer="mesh").decode_event(data)


def test_an_error_of_json_rpc_in_a_stream_is_read() -> None:
    # So ends the server of A2A's Rust SDK its streams.
    with pytest.raises(errors.TaskNotFound, match="gone"):
        client("SubscribeToTask").decode_event(b'{"code":-32001,"message":"gone"}')


def test_a_message_is_no_error() -> None:
    event = {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}, "code": 1}
    assert client("SendMessage", {"message": MESSAGE}).decode_event(json.dumps(event).encode()).tree() == event


# -- a2a-sdk's own client and server


@pytest.mark.parametrize("cls", [foreign_errors.TaskNotFoundError, foreign_errors.InvalidParamsError])
async def test_a_stock_client_reads_our_errors(cls: type[Exception]) -> None:
    (ours,) = (leaf for leaf in LEAVES if leaf.__name__ == cls.__name__.removesuffix("Error"))
    told = BINDING.server().encode_error(ours("what"))
    stream = b"event: error\ndata: " + told.body + b"\n\n"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(told.status, content=told.body)
        return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        stock = foreign.rest_client(http)
        with pytest.raises(cls, match="what"):
            await stock.get_task(a2a_pb2.GetTaskRequest(id="t"))
        with pytest.raises(cls, match="what"):
            async for _ in stock.subscribe(a2a_pb2.SubscribeToTaskRequest(id="t")):
                pass


@pytest.mark.parametrize("name", ["SendMessage", "GetTask", "CancelTask"])
async def test_a_stock_server_takes_our_requests(name: str) -> None:
    agent = foreign.ScriptedAgent(foreign.task())
    tree = {"message": MESSAGE} if name == "SendMessage" else {"id": "a~b"}
    exchange = client(name, tree)
    response = await foreign.send_rest(agent, exchange.request)
    answered = exchange.decode_answer(response.content)
    asked = json_format.MessageToDict(agent.asked[0])
    assert (asked, response.status_code) == (tree, 200)
    found = answered.tree().get("task", answered.tree())
    assert found == json_format.MessageToDict(foreign.task())


async def test_a_stock_servers_streams_and_their_errors_are_read() -> None:
    agent = foreign.ScriptedAgent(foreign.task(), error=foreign_errors.TaskNotFoundError("gone"))
    exchange = client("SubscribeToTask")
    response = await foreign.send_rest(agent, exchange.request)
    first, last = (block.split("data: ")[1] for block in response.text.replace("\r\n", "\n").strip().split("\n\n"))
    assert exchange.decode_event(first.encode()).tree()["task"]["id"] == "task-1"
    with pytest.raises(errors.TaskNotFound, match="gone"):
        exchange.decode_event(last.encode())


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_path_is_taken_or_not(text: str) -> None:
    for path in (text, f"/tasks/{text}", f"/{text}/message:send"):
        find_route("GET", path, quote(path))
        find_route("POST", path)
