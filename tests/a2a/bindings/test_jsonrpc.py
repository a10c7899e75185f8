import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from a2a.client.errors import A2AClientError
from a2a.client.transports.jsonrpc import JsonRpcTransport
from a2a.types import a2a_pb2
from a2a.utils import errors as foreign_errors
from a2a.utils.error_handlers import build_rest_error_payload
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP
from google.protobuf import json_format
from google.protobuf.message import Message as ProtoMessage

from meshgate.a2a import errors
from meshgate.a2a.bindings.jsonrpc import (
    decode_answer,
    decode_call,
    decode_envelope,
    encode_call,
    encode_error,
    encode_result,
)
from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import (
    AgentError,
    InternalError,
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    MeshError,
    MethodNotFound,
    ParseError,
    UpstreamUnavailable,
)
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from tests.a2a.bindings.test_jsonrpc_errors import A2AS, NUMBERS
from tests.a2a.test_errors import LEAVES
from tests.support import foreign

GET = METHODS["GetTask"]
TASK = {"id": "t", "status": {"state": "TASK_STATE_WORKING"}}


def body(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": "1", **members}).encode()


def failure(fault: Any, **members: Any) -> MeshError:
    with pytest.raises(MeshError) as caught:
        decode_answer(body(error=fault, **members), GET, "1")
    return caught.value


# -- a2a-sdk's client speaks to us


async def exchange(
    call: Callable[[JsonRpcTransport], Any], answer: Callable[[str], bytes], media: str = "application/json"
) -> tuple[list[bytes], Any]:
    """Let a2a-sdk's client make a call; answer it with our bytes; return what it sent and what it made of them."""
    sent: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        rpc_id = decode_envelope(request.content).id
        assert isinstance(rpc_id, str)
        return httpx.Response(200, content=answer(rpc_id), headers={"content-type": media})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        return sent, await call(foreign.client(http))


CALLS: dict[str, tuple[Callable[[JsonRpcTransport, Any], Any], ProtoMessage, ProtoMessage]] = {
    "SendMessage": (
        JsonRpcTransport.send_message,
        foreign.request(),
        a2a_pb2.SendMessageResponse(task=foreign.task()),
    ),
    "GetTask": (JsonRpcTransport.get_task, a2a_pb2.GetTaskRequest(id="task-1", history_length=3), foreign.task()),
    "CancelTask": (JsonRpcTransport.cancel_task, a2a_pb2.CancelTaskRequest(id="task-1", tenant="t"), foreign.task()),
}
STREAMS: dict[str, tuple[Callable[[JsonRpcTransport, Any], Any], ProtoMessage]] = {
    "SendStreamingMessage": (JsonRpcTransport.send_message_streaming, foreign.request()),
    "SubscribeToTask": (JsonRpcTransport.subscribe, a2a_pb2.SubscribeToTaskRequest(id="task-1")),
}
EVENTS = [
    a2a_pb2.StreamResponse(task=foreign.task(a2a_pb2.TASK_STATE_WORKING)),
    a2a_pb2.StreamResponse(
        artifact_update=a2a_pb2.TaskArtifactUpdateEvent(
            task_id="task-1", artifact=foreign.task().artifacts[0], append=True
        )
    ),
    a2a_pb2.StreamResponse(
        status_update=a2a_pb2.TaskStatusUpdateEvent(task_id="task-1", context_id="ctx", status=foreign.task().status)
    ),
]


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.requirement("a2a.stock_jsonrpc")
async def test_a_stock_clients_call_is_understood_and_it_understands_the_answer(name: str) -> None:
    make, request, expected = CALLS[name]
    payload: Payload = ProtoPayload(METHODS[name].response, expected)
    sent, got = await exchange(lambda client: make(client, request), lambda rpc_id: encode_result(rpc_id, payload))
    call = decode_call(decode_envelope(sent[0]), {}, None)

    assert call.method is METHODS[name]
    assert json_format.ParseDict(call.payload.tree(), type(request)()) == request
    assert got == expected


@pytest.mark.parametrize("name", list(STREAMS))
async def test_a_stock_client_reads_our_stream(name: str) -> None:
    make, request = STREAMS[name]

    def answer(rpc_id: str) -> bytes:
        events = (ProtoPayload(METHODS[name].response, event) for event in EVENTS)
        return b"".join(b"data: " + encode_result(rpc_id, event) + b"\n\n" for event in events)

    async def collect(client: JsonRpcTransport) -> list[Any]:
        return [event async for event in make(client, request)]

    sent, got = await exchange(collect, answer, "text/event-stream")
    call = decode_call(decode_envelope(sent[0]), {}, None)
    assert call.method is METHODS[name]
    assert json_format.ParseDict(call.payload.tree(), type(request)()) == request
    assert got == EVENTS


@pytest.mark.parametrize("kind", list(JSON_RPC_ERROR_CODE_MAP))
async def test_a_stock_client_knows_each_of_a2as_errors_as_we_write_it(kind: type[foreign_errors.A2AError]) -> None:
    code = next(code for code, number in NUMBERS.items() if number == JSON_RPC_ERROR_CODE_MAP[kind])
    cls = error_class(code)
    assert cls is not None
    make, request, _ = CALLS["GetTask"]
    with pytest.raises(kind) as caught:
        await exchange(
            lambda client: make(client, request),
            lambda rpc_id: encode_error(rpc_id, cls("what happened", metadata={"fact": "1"})),
        )
    assert type(caught.value) is kind
    assert caught.value.message == "what happened"
    assert vars(caught.value)["data"] == {"fact": "1"}


@pytest.mark.parametrize("cls", [cls for cls in LEAVES if cls.domain == errors.MESHGATE_DOMAIN])
async def test_a_stock_client_tells_the_number_and_the_text_of_the_meshs_own_errors(cls: type[MeshError]) -> None:
    make, request, _ = CALLS["GetTask"]
    kind = foreign_errors.InternalError if cls is AgentError else A2AClientError
    with pytest.raises(kind) as caught:
        await exchange(lambda client: make(client, request), lambda rpc_id: encode_error(rpc_id, cls("so it is")))
    number = NUMBERS[cls.code]
    assert str(caught.value) == ("so it is" if cls is AgentError else f"JSON-RPC Error {number}: so it is")


# -- we speak to a2a-sdk's server

# It answers "internal error" where a handler raises the one that it keeps for its own parser.
RAISED = [kind for kind in JSON_RPC_ERROR_CODE_MAP if kind is not foreign_errors.JSONParseError]


@pytest.mark.parametrize(
    ("sent", "cls"), [(b"{", ParseError), (b"[]", InvalidRequest), (body(method="X"), MethodNotFound)]
)
async def test_we_know_what_a_stock_server_says_to_a_request_that_is_none(sent: bytes, cls: type[MeshError]) -> None:
    response = await foreign.post(foreign.ScriptedAgent(foreign.task()), sent)
    with pytest.raises(cls):
        decode_answer(response.content, GET, "1")


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.requirement("a2a.stock_jsonrpc")
async def test_a_stock_server_understands_our_call_and_we_its_answer(name: str) -> None:
    _, request, expected = CALLS[name]
    agent = foreign.ScriptedAgent(foreign.task())
    method = METHODS[name]
    response = await foreign.post(agent, encode_call(method, ProtoPayload(method.request, request), "7"))
    payload = decode_answer(response.content, method, "7")

    assert agent.asked == [request]
    assert json_format.ParseDict(payload.tree(), type(expected)()) == expected


@pytest.mark.parametrize("name", list(STREAMS))
async def test_we_read_a_stock_servers_stream(name: str) -> None:
    _, request = STREAMS[name]
    method = METHODS[name]
    agent = foreign.ScriptedAgent(EVENTS[0].task, EVENTS[1].artifact_update, EVENTS[2].status_update)
    response = await foreign.post(agent, encode_call(method, ProtoPayload(method.request, request), "7"))
    events = [decode_answer(data, method, "7") for data in SseParser(10_000).feed(response.content)]

    assert agent.asked == [request]
    assert [json_format.ParseDict(event.tree(), a2a_pb2.StreamResponse()) for event in events] == EVENTS


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.requirement("a2a.stock_jsonrpc")
async def test_we_know_each_error_of_a_stock_server(kind: type[foreign_errors.A2AError]) -> None:
    agent = foreign.ScriptedAgent(error=kind("what happened", data={"fact": "1"}))
    request = JsonPayload(GET.request, {"id": "t"})
    response = await foreign.post(agent, encode_call(GET, request, "7"))
    with pytest.raises(MeshError) as caught:
        decode_answer(response.content, GET, "7")
    found = caught.value
    if isinstance(found, AgentError):
        assert (JSON_RPC_ERROR_CODE_MAP[kind], found.metadata["agentReason"]) == (-32603, "INTERNAL_ERROR")
        return
    assert NUMBERS[found.code] == JSON_RPC_ERROR_CODE_MAP[kind]
    assert (found.message, found.metadata) == ("what happened", {"fact": "1"})


@pytest.mark.parametrize("kind", RAISED)
def test_the_details_that_a_stock_server_builds_are_read(kind: type[foreign_errors.A2AError]) -> None:
    payload = build_rest_error_payload(kind("m", data={"errors": [{"field": "a.b", "message": "is bad"}]}))
    error = failure({"code": -32603, "message": "m", "data": payload["error"]["details"]})
    # By its reason: the number says "internal" for each.
    assert NUMBERS[error.code] == JSON_RPC_ERROR_CODE_MAP[kind]
    assert error.violations == ((("a.b", "is bad"),) if kind is foreign_errors.InvalidParamsError else ())


# -- errors, both ways


@pytest.mark.parametrize("cls", LEAVES)
def test_every_error_arrives_as_itself_with_all_it_says(cls: type[MeshError]) -> None:
    error = cls("what", retry_after=1.5, metadata={"limit": "8"}, violations=(("message.parts", "is empty"),))
    data = encode_error("1", error)
    fault = json.loads(data)["error"]
    assert fault["code"] == NUMBERS[cls.code]
    assert all(item["@type"].startswith("type.googleapis.com/google.rpc.") for item in fault["data"])
    with pytest.raises(cls) as caught:
        decode_answer(data, GET, "1", peer="mesh")
    got = caught.value
    assert (got.message, got.retry_after, got.metadata, got.violations) == (
        "what",
        1.5,
        error.metadata,
        error.violations,
    )


@pytest.mark.parametrize("reason", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_an_agent_cannot_say_that_the_callers_key_is_bad(reason: str) -> None:
    cls = error_class(reason)
    assert cls is not None
    for data in (encode_error("1", cls()), encode_error(None, cls())):
        with pytest.raises(UpstreamUnavailable):
            decode_answer(data, GET, "1")


@pytest.mark.parametrize(("code", "number"), list(A2AS.items()))
def test_a_number_alone_is_enough(code: str, number: int) -> None:
    code = "AGENT_ERROR" if number == -32603 else code
    assert failure({"code": number, "message": "m"}).code == code
    assert failure({"code": number}).code == code


@pytest.mark.parametrize(
    "info",
    [
        {"reason": "NO_SUCH_REASON", "domain": "a2a-protocol.org"},
        {"reason": "TASK_NOT_CANCELABLE", "domain": "example.com"},
        {"reason": "LOOP", "domain": "a2a-protocol.org"},
        {"reason": "INTERNAL", "domain": "meshgate.dev"},
        {"reason": 7},
        {"reason": ["TASK_NOT_CANCELABLE"]},
        {},
    ],
)
def test_a_reason_that_says_nothing_leaves_the_number(info: dict[str, Any]) -> None:
    data = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
    assert failure({"code": -32001, "message": "m", "data": data}).code == "TASK_NOT_FOUND"
    own = failure({"code": -32050, "message": "m", "data": data})
    assert isinstance(own, AgentError)
    assert (own.number, own.data) == (-32050, data)


@pytest.mark.requirement("errors.agents")
@pytest.mark.parametrize("peer", ["agent", "mesh"])
@pytest.mark.parametrize("data", [{}, {"account": 7}, [1, "x"], "text", 0, False, None, "x" * 16_000])
@pytest.mark.parametrize("number", [1001, -1, 0, -31000, -31100, -32000, -32050, -32603, 2**40])
def test_an_agents_own_error_goes_on_as_it_said_it(peer: Any, data: Any, number: int) -> None:
    said = {"code": number, "message": "no such account", **({} if data is None else {"data": data})}
    with pytest.raises(AgentError) as caught:
        decode_answer(body(error=said), GET, "1", peer=peer)
    found = caught.value
    assert (found.number, found.data, found.internal) == (number, data, number == -32603)
    assert found.metadata == {"source": "agent", "code": str(number)}
    assert json.loads(encode_error("1", found))["error"] == said


@pytest.mark.requirement("errors.agents")
def test_what_an_agent_says_in_an_error_is_bounded() -> None:
    found = failure({"code": 1001, "message": "m" * 100_000, "data": {"x": "y" * 100_000}})
    assert isinstance(found, AgentError)
    assert found.metadata == {"source": "agent", "code": "1001", "dropped": "100008 bytes of data"}
    assert len(encode_error("1", found)) < 3000
    facts = {f"k{number}": "v" * 1000 for number in range(100)}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_FOUND", "metadata": facts}
    bad = [{"field": f"f{number}", "description": "d" * 1000} for number in range(100)]
    details = [info, {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": bad}]
    found = failure({"code": -32001, "message": "m", "data": details})
    assert (found.code, len(found.metadata), len(found.violations)) == ("TASK_NOT_FOUND", 16, 16)


@pytest.mark.requirement("errors.agents")
@pytest.mark.parametrize("reason", ["NO_ROUTE", "LOOP", "KILLED", "BUDGET_EXHAUSTED", "OUTCOME_UNKNOWN"])
def test_an_agent_that_speaks_for_the_mesh_is_named_with_what_it_said(reason: str) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "meshgate.dev"}
    found = failure({"code": -32603, "message": "m", "data": [info]})
    fault = json.loads(encode_error("1", found))["error"]
    assert (fault["code"], fault["message"]) == (-32603, "m")
    assert fault["data"] == [{**info, "reason": "AGENT_ERROR", "metadata": {"source": "agent", "agentReason": reason}}]


def test_a_reason_counts_before_the_number() -> None:
    data = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "TASK_NOT_CANCELABLE",
            "domain": "a2a-protocol.org",
        }
    ]
    assert failure({"code": -32603, "message": "m", "data": data}).code == "TASK_NOT_CANCELABLE"


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("1.5s", 1.5),
        ("0s", 0.0),
        (2, 2.0),
        ("-1s", 0.0),
        ("1e9s", 300.0),
        ("infs", None),
        ("nan", None),
        ("soon", None),
        ([], None),
    ],
)
def test_a_pause_that_an_agent_asks_for_is_a_sane_number_or_none(delay: Any, seconds: float | None) -> None:
    data = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    assert failure({"code": -32603, "message": "m", "data": data}).retry_after == seconds


@pytest.mark.parametrize(
    "data",
    [
        None,
        "x",
        1,
        {},
        [1],
        [None],
        [[]],
        [{"@type": 1}],
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": []}],
        [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": "x"}],
        [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [1, {"field": None}]}],
    ],
)
def test_details_that_make_no_sense_leave_the_error_as_it_is(data: Any) -> None:
    assert failure({"code": -32001, "message": "m", "data": data}).code == "TASK_NOT_FOUND"


def test_an_agents_text_is_cut() -> None:
    assert len(failure({"code": -32001, "message": "x" * 100_000}).message) == 2_000


# -- answers that are none


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{}",
        b"[" * 100,
        b"\xff",
        body(),
        body(result=None),
        body(result=[]),
        body(result={}),
        body(result={"id": ""}),
        body(result={**TASK, "id": "a\nb"}),
        body(id="2", result=TASK),
        body(id=1, result=TASK),
        body(id=None, result=TASK),
        body(jsonrpc="1.0", result=TASK),
        body(id="2", error={"code": -32001, "message": "m"}),
        body(id=1, error={"code": -32001, "message": "m"}),
        body(jsonrpc="1.0", error={"code": -32001}),
        body(error="no"),
        body(error=[]),
        body(error={}),
        body(error={"code": "-32001"}),
        body(error={"code": 1.5}),
        b'{"jsonrpc":"2.0","result":{"id":"t"}}',
        b'{"error":"Not Found"}',
        body(result={**TASK, "status": {"state": "working"}}),
        body(result={**TASK, "Id": "t"}),
    ],
)
def test_an_answer_that_is_none_is_the_agents_fault(answer: bytes) -> None:
    with pytest.raises(InvalidAgentResponse):
        decode_answer(answer, GET, "1")


def test_an_error_may_come_without_the_id_it_could_not_read() -> None:
    assert failure({"code": -32700, "message": "m"}, id=None).code == "PARSE_ERROR"


def test_an_agents_answer_is_not_repeated_to_the_caller() -> None:
    with pytest.raises(InvalidAgentResponse) as caught:
        decode_answer(body(result={**TASK, "status": {"state": "secret" * 10_000}}), GET, "1")
    assert len(caught.value.message) < 500


# -- requests


@pytest.mark.parametrize("rpc_id", ["a", "", 0, -7, 2**53, 1.5, None])
def test_an_id_comes_back_as_it_came(rpc_id: Any) -> None:
    envelope = decode_envelope(body(id=rpc_id, method="GetTask", params={}))
    assert json.loads(encode_result(envelope.id, JsonPayload(GET.response, TASK)))["id"] == rpc_id
    assert json.loads(encode_error(envelope.id, InternalError()))["id"] == rpc_id


@pytest.mark.parametrize(
    "request_body",
    [
        b"[]",
        b"[" + b",".join([body(method="GetTask")] * 10_000) + b"]",
        b"1",
        b'"x"',
        b"null",
        b"true",
        body(id={}),
        body(id=[]),
        body(id=True, method="GetTask"),
        body(id=[[1]], method="GetTask"),
        body(),
        body(method=1),
        body(method="GetTask", params=[]),
        body(method="GetTask", params="x"),
        body(method="GetTask", params=None),
        body(jsonrpc="1.0", method="GetTask"),
        body(jsonrpc=2.0, method="GetTask"),
        b'{"method":"GetTask"}',
        b"{}",
    ],
)
def test_what_is_no_request_is_refused(request_body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_envelope(request_body)


def test_what_is_no_json_is_refused_as_that() -> None:
    with pytest.raises(ParseError):
        decode_envelope(b"{")


def test_missing_params_are_empty_ones() -> None:
    with pytest.raises(InvalidParams):
        decode_call(decode_envelope(body(method="GetTask")), {}, None)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("message/send", MethodNotFound),
        ("tasks/get", MethodNotFound),
        ("NoSuch", MethodNotFound),
        ("getTask", MethodNotFound),
        ("", MethodNotFound),
    ],
)
def test_a_method_that_is_not_served_is_refused_as_what_it_is(name: str, cls: type[MeshError]) -> None:
    with pytest.raises(cls):
        decode_call(decode_envelope(body(method=name)), {}, None)


def test_every_operation_of_a2a_is_known() -> None:
    names = {method.name for method in a2a_pb2.DESCRIPTOR.services_by_name["A2AService"].methods}
    assert names == set(METHODS)


def test_a_call_knows_the_ids_that_routing_needs() -> None:
    request = json_format.MessageToDict(foreign.request())
    call = decode_call(decode_envelope(body(method="SendMessage", params=request)), {"x": "y"}, None)
    assert (call.message_id, call.task_id, call.context_id) == ("m-1", "task-1", "ctx")
    assert call.headers == {"x": "y"}


def test_of_duplicate_members_the_last_alone_is_sent_on() -> None:
    raw = b'{"jsonrpc":"2.0","id":"1","method":"GetTask","params":{"id":"a"},"params":{"id":"mine","id":"theirs"}}'
    call = decode_call(decode_envelope(raw), {}, None)
    assert call.task_id == "theirs"
    assert json.loads(encode_call(GET, call.payload, "1"))["params"] == {"id": "theirs"}
