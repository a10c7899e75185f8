"""What every binding of the table keeps. A further row is tested by what stands here, and by its stock peer below."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import unquote

import httpx
import pytest
from a2a.compat.v0_3 import a2a_v0_3_pb2
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.compat.v0_3.grpc_transport import CompatGrpcTransport
from a2a.server.request_handlers import GrpcHandler
from a2a.types import a2a_pb2
from google.protobuf import empty_pb2, json_format, message_factory, timestamp_pb2
from google.protobuf.message import Message as ProtoMessage
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.bindings.base import Binding, Failure, Request
from meshgate.a2a.bindings.table import DEFAULT, DEFAULT_NAMES, GRPC_ROWS, HTTP_ROWS, ROWS, Key, Row, key_of
from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.errors import AccessError, EdgeError, InvalidAgentResponse, MeshError, SchemaViolation
from meshgate.a2a.lists.task_list import ListTasksResponse
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.messages.push_config import ListTaskPushNotificationConfigsResponse, TaskPushNotificationConfig
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.protocol_version import LEGACY_VERSION, protocol_headers
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.types import Task
from tests.a2a.test_errors import LEAVES
from tests.support import foreign

HEADERS = {"x": "y"}
REQUESTS: dict[str, ProtoMessage] = {
    "SendMessage": foreign.request(),
    "SendStreamingMessage": foreign.request(),
    "GetTask": a2a_pb2.GetTaskRequest(id="task-1", history_length=3),
    "CancelTask": a2a_pb2.CancelTaskRequest(id="task-1", tenant="t"),
    "SubscribeToTask": a2a_pb2.SubscribeToTaskRequest(id="task-1"),
    "ListTasks": a2a_pb2.ListTasksRequest(
        tenant="t",
        context_id="c",
        status=a2a_pb2.TASK_STATE_WORKING,
        page_size=7,
        page_token="p",
        history_length=0,
        status_timestamp_after=timestamp_pb2.Timestamp(seconds=1_796_040_000, nanos=250_000_000),
        include_artifacts=True,
    ),
    "CreateTaskPushNotificationConfig": foreign.push_config(),
    "GetTaskPushNotificationConfig": a2a_pb2.GetTaskPushNotificationConfigRequest(tenant="t", task_id="task-1", id="p"),
    "ListTaskPushNotificationConfigs": a2a_pb2.ListTaskPushNotificationConfigsRequest(task_id="task-1", tenant="t"),
    "DeleteTaskPushNotificationConfig": a2a_pb2.DeleteTaskPushNotificationConfigRequest(task_id="task-1", id="p"),
    "GetExtendedAgentCard": a2a_pb2.GetExtendedAgentCardRequest(tenant="t"),
}
_LISTED = a2a_pb2.ListTasksResponse(tasks=[foreign.task()], page_size=7, total_size=1)
EVENT = a2a_pb2.StreamResponse(task=foreign.task())


def answer_of(method: Method) -> ProtoMessage:
    """What an operation is answered with, or one event of it."""
    whole = a2a_pb2.SendMessageResponse(task=foreign.task())
    answers: dict[Any, ProtoMessage] = {
        Task: foreign.task(),
        ListTasksResponse: _LISTED,
        TaskPushNotificationConfig: foreign.push_config(),
        ListTaskPushNotificationConfigsResponse: a2a_pb2.ListTaskPushNotificationConfigsResponse(
            configs=[foreign.push_config(), foreign.push_config(id="q", url="https://other.example/")]
        ),
        AgentCard: foreign.card(),
        Empty: empty_pb2.Empty(),
    }
    return EVENT if method.streaming else answers.get(method.response, whole)


def payloads(kind: Any, message: ProtoMessage) -> tuple[Payload, Payload]:
    """One message in both forms that a payload can have."""
    return ProtoPayload(kind, message), JsonPayload(kind, json_format.MessageToDict(message))


@pytest.fixture(params=ROWS, ids=lambda row: "-".join(row.key))
def row(request: pytest.FixtureRequest) -> Row[Binding]:
    found: Row[Binding] = request.param
    return found


Served = tuple[Row[Binding], Method]
"""A row, and an operation that its version of A2A has."""
SERVED: list[Served] = [
    (row, method)
    for row in ROWS
    for method in METHODS.values()
    if row.version != LEGACY_VERSION or method.name != "ListTasks"
]


@pytest.fixture(params=SERVED, ids=lambda served: "-".join((*served[0].key, served[1].name)))
def served(request: pytest.FixtureRequest) -> Served:
    found: Served = request.param
    return found


def received(request: Request, row: Row[Binding]) -> Request:
    """A request as a server gets it, with headers of the sender beside the binding's."""
    return Request(
        request.method,
        unquote(request.path),
        request.query,
        {**request.headers, **protocol_headers(row.version, None), **HEADERS},
        request.body,
        parse_selector("summarise@2"),
        request.path,
    )


def sayable(row: Row[Binding], request: ProtoMessage) -> Any:
    """What a request is once it went through a binding: 0.3 has no tenants, and its history of 0 messages is all of it
    (the client cuts what it is answered).
    """
    if row.version != LEGACY_VERSION:
        return request
    told: Any = copy.deepcopy(request)
    for one in (told, *getattr(told, "configs", ())):
        if "tenant" in one.DESCRIPTOR.fields_by_name:
            one.ClearField("tenant")
    if "configuration" in told.DESCRIPTOR.fields_by_name and not told.configuration.history_length:
        told.configuration.ClearField("history_length")
    return told


def wanted(row: Row[Binding], method: Method, answer: ProtoMessage) -> Any:
    """What a client reads of an answer: one of 0.3 cuts the history that its caller did not want."""
    cut: Any = sayable(row, answer)
    if row.version == LEGACY_VERSION and not method.on_task:
        cut = copy.deepcopy(cut)
        cut.task.ClearField("history")
    return cut


def any_client(row: Row[Binding], name: str = "GetTask", **more: Any) -> Any:
    method = METHODS[name]
    return row.load().client(method, ProtoPayload(method.request, REQUESTS[name]), **more)


# -- the table


def test_a_row_is_its_bindings_own(row: Row[Binding]) -> None:
    binding = row.load()
    assert (binding.id, binding.version) == row.key
    assert key_of(binding.id, f"{binding.version}.3") == row.key


def test_no_two_rows_are_the_same_binding() -> None:
    assert len({row.key for row in ROWS}) == len(ROWS) == len(HTTP_ROWS) + len(GRPC_ROWS)
    assert DEFAULT is HTTP_ROWS[0].load()
    assert (DEFAULT.id,) == DEFAULT_NAMES


@pytest.mark.parametrize("version", ["", "1", "1.", ".0", "one", "0.2", "2.0", "1.00"])
def test_another_version_is_in_no_row(row: Row[Binding], version: str) -> None:
    assert key_of(row.id, version) not in {each.key for each in ROWS}


# -- requests


def test_what_a_client_asks_is_what_a_server_reads(served: Served) -> None:
    row, method = served
    for payload in payloads(method.request, REQUESTS[method.name]):
        request = received(row.load().client(method, payload).request, row)
        expected = ProtoPayload(method.request, sayable(row, REQUESTS[method.name]))
        assert row.load().takes(request)
        call = row.load().server().decode_request(request)
        assert (call.method, call.target) == (method, request.target)
        assert call.headers.items() >= HEADERS.items()
        assert call.payload.digest() == expected.digest()
        assert call.task_id == ("" if not method.task_field else "task-1")
        assert method.name != "ListTasks" or call.context_id == "c"


def test_a_binding_takes_its_own_requests_alone(served: Served) -> None:
    row, method = served
    request = received(row.load().client(method, ProtoPayload(method.request, REQUESTS[method.name])).request, row)
    taking = [other for other in ROWS if other.load().takes(request)]
    # JSON-RPC's versions share their URL, and the request's own version decides.
    assert row in taking
    assert {other.id for other in taking} == {row.id}
    for path in ("/.well-known/agent-card.json", "/livez", "/nowhere"):
        assert not row.load().takes(Request("GET", path))


@given(st.binary(max_size=200))
def test_any_body_is_a_call_or_an_error_of_the_tree(body: bytes) -> None:
    for row in ROWS:
        request = received(any_client(row).request, row)
        request.body = body
        exchange = row.load().server()
        try:
            exchange.decode_request(request)
        except MeshError as error:
            told = exchange.encode_error(error)
            assert isinstance(any_client(row).decode_error(told), MeshError)


# -- answers and events


def test_what_a_server_answers_is_what_its_client_reads(served: Served) -> None:
    row, method = served
    for payload in payloads(method.response, answer_of(method)):
        client = any_client(row, method.name)
        server = row.load().server()
        server.decode_request(received(client.request, row))
        if method.streaming:
            read = client.decode_event(server.encode_event(payload))
        else:
            read = client.decode_answer(server.encode_answer(payload))
        assert read.kind is method.response
        expected = wanted(row, method, answer_of(method))
        assert read.digest() == ProtoPayload(method.response, expected).digest()


def test_an_event_can_be_framed_in_a_stream(row: Row[Binding]) -> None:
    client = any_client(row, "SubscribeToTask")
    server = row.load().server()
    server.decode_request(received(client.request, row))
    data = server.encode_event(ProtoPayload(METHODS["SubscribeToTask"].response, EVENT))
    if row in HTTP_ROWS:
        assert b"\n" not in data
        assert b"\r" not in data


@given(st.binary(max_size=200))
def test_any_answer_is_an_answer_or_the_agents_fault(body: bytes) -> None:
    for row in ROWS:
        client = any_client(row)
        for read in (client.decode_answer, client.decode_event):
            with pytest.raises(InvalidAgentResponse):
                read(body)


# -- errors


@pytest.mark.parametrize("cls", LEAVES)
def test_every_error_arrives_as_itself_with_all_it_says(row: Row[Binding], cls: type[MeshError]) -> None:
    error = cls("what", retry_after=1.5, metadata={"limit": "8"}, violations=(("message.parts", "is empty"),))
    client = any_client(row, peer="mesh")
    server = row.load().server()
    server.decode_request(received(client.request, row))
    got = client.decode_error(server.encode_error(error))
    assert type(got) is cls
    assert (got.message, got.retry_after, got.metadata) == ("what", 1.5, error.metadata)
    assert got.violations == error.violations


@pytest.mark.parametrize("cls", LEAVES)
def test_a_request_that_could_not_be_read_is_told_why(row: Row[Binding], cls: type[MeshError]) -> None:
    failure = row.load().server().encode_error(cls("what"))
    assert type(any_client(row, peer="mesh").decode_error(failure)) is cls


@pytest.mark.parametrize("cls", LEAVES)
def test_an_agent_cannot_speak_of_the_callers_key_or_bytes(row: Row[Binding], cls: type[MeshError]) -> None:
    failure = row.load().server().encode_error(cls())
    assert not isinstance(any_client(row).decode_error(failure), AccessError | EdgeError)


@given(st.binary(max_size=200), st.integers(0, 600), st.text(max_size=20))
def test_any_failure_is_an_error_of_the_tree(body: bytes, status: int, text: str) -> None:
    for row in ROWS:
        assert isinstance(any_client(row).decode_error(Failure(status, body, text)), MeshError)


def test_a_field_that_breaks_several_rules_is_told_with_each(row: Row[Binding]) -> None:
    error = SchemaViolation("what", violations=(("a.b", "is short [len]"), ("a.b", "is no word [word]")))
    for peer in ("mesh", "agent"):
        client = any_client(row, peer=peer)
        server = row.load().server()
        server.decode_request(received(client.request, row))
        assert client.decode_error(server.encode_error(error)).violations == error.violations


# -- a peer that is not ours, for each row and operation

Ask = Callable[[str, ProtoMessage], Awaitable[Request]]
Answered = Callable[[foreign.ScriptedAgent, str, Request], Awaitable[bytes]]


async def over_jsonrpc(agent: foreign.ScriptedAgent, _: str, request: Request) -> bytes:
    return (await foreign.post(agent, request.body)).content


async def over_legacy_jsonrpc(agent: foreign.ScriptedAgent, _: str, request: Request) -> bytes:
    return (await foreign.post(agent, request.body, version=LEGACY_VERSION)).content


async def over_rest(agent: foreign.ScriptedAgent, _: str, request: Request) -> bytes:
    return (await foreign.send_rest(agent, request)).content


async def over_legacy_rest(agent: foreign.ScriptedAgent, _: str, request: Request) -> bytes:
    return (await foreign.send_rest(agent, request, LEGACY_VERSION)).content


async def over_grpc(agent: foreign.ScriptedAgent, name: str, request: Request) -> bytes:
    service = a2a_pb2.DESCRIPTOR.services_by_name["A2AService"]
    assert request.path == f"/{service.full_name}/{name}"
    asked = type(REQUESTS[name]).FromString(request.body)
    handler: Any = GrpcHandler(agent)
    answer: ProtoMessage = await getattr(handler, name)(asked, foreign.NoContext())
    return answer.SerializeToString()


async def over_legacy_grpc(agent: foreign.ScriptedAgent, _: str, request: Request) -> bytes:
    name = request.path.rpartition("/")[2]
    method = a2a_v0_3_pb2.DESCRIPTOR.services_by_name["A2AService"].methods_by_name[name]
    message = message_factory.GetMessageClass(method.input_type).FromString(request.body)
    handler: Any = CompatGrpcHandler(agent)
    answer: ProtoMessage = await getattr(handler, name)(message, foreign.NoContext())
    return answer.SerializeToString()


def asked_by(client: Callable[[httpx.AsyncClient], Any]) -> Ask:
    """What a stock client over HTTP sends."""

    async def ask(name: str, message: ProtoMessage) -> Request:
        sent: list[Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            raw = request.url.raw_path.decode().partition("?")[0]
            query = request.url.query.decode()
            sent.append(Request(request.method, raw.rstrip("/"), query, dict(request.headers), request.content))
            return httpx.Response(200, json={})

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            with contextlib.suppress(Exception):  # it has no answer to read
                await getattr(client(http), called(name))(message)
        return sent[0]

    return ask


def called(name: str) -> str:
    """The function of a2a-sdk's clients for an operation."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


async def asked_over_grpc(name: str, message: ProtoMessage) -> Request:
    service = a2a_pb2.DESCRIPTOR.services_by_name["A2AService"].full_name
    return Request(path=f"/{service}/{name}", body=message.SerializeToString())


async def asked_over_legacy_grpc(name: str, message: ProtoMessage) -> Request:
    sent: list[Request] = []
    transport: Any = CompatGrpcTransport(cast("Any", foreign.NoChannel(sent)), foreign.extended_card())
    with pytest.raises(Exception, match=r"."):
        await getattr(transport, called(name))(message)
    return sent[0]


STOCK: dict[Key, tuple[Ask, Answered]] = {
    ("JSONRPC", "1.0"): (asked_by(foreign.client), over_jsonrpc),
    ("HTTP+JSON", "1.0"): (asked_by(foreign.rest_client), over_rest),
    ("HTTP+JSON", "0.3"): (asked_by(foreign.legacy_rest_client), over_legacy_rest),
    ("JSONRPC", "0.3"): (asked_by(foreign.legacy_client), over_legacy_jsonrpc),
    ("GRPC", "1.0"): (asked_over_grpc, over_grpc),
    ("GRPC", "0.3"): (asked_over_legacy_grpc, over_legacy_grpc),
}
_CONFIGS = ("ListTaskPushNotificationConfigs", "DeleteTaskPushNotificationConfig")
UNSENT = {("HTTP+JSON", "0.3", name) for name in _CONFIGS}
"""What a2a-sdk's clients do not send."""
UNSERVED = {("HTTP+JSON", "0.3", "DeleteTaskPushNotificationConfig")}
"""What a2a-sdk's servers do not serve."""
UNARY = [(row, method) for row, method in SERVED if method.on_task and not method.streaming]


def told(served: Served) -> str:
    return "-".join((*served[0].key, served[1].name))


@pytest.mark.parametrize("one", [one for one in UNARY if (*one[0].key, one[1].name) not in UNSENT], ids=told)
async def test_a_stock_clients_request_is_taken_and_read(one: Served) -> None:
    row, method = one
    wanted = copy.deepcopy(REQUESTS[method.name])
    request = received(await STOCK[row.key][0](method.name, wanted), row)
    assert row.load().takes(request)
    call = row.load().server().decode_request(request)
    assert call.method is method
    # a2a-sdk's client over HTTP+JSON puts the tenant before the path alone.
    expected = ProtoPayload(method.request, sayable(row, REQUESTS[method.name]))
    assert call.payload.digest() == expected.digest()


@pytest.mark.parametrize("one", [one for one in UNARY if (*one[0].key, one[1].name) not in UNSERVED], ids=told)
async def test_a_stock_server_reads_our_request_and_we_its_answer(one: Served) -> None:
    row, method = one
    client = any_client(row, method.name)
    agent = foreign.ScriptedAgent(answer_of(method))
    read = client.decode_answer(await STOCK[row.key][1](agent, method.name, client.request))
    asked: Any = copy.deepcopy(agent.asked[0])
    expected: Any = copy.deepcopy(REQUESTS[method.name])
    for message in (asked, expected):
        message.ClearField("tenant")  # a2a-sdk's servers take it out, for their context
    assert asked == expected
    answer: Any = sayable(row, answer_of(method))
    if row.version == LEGACY_VERSION and row.id != "JSONRPC" and method.response is Task:
        # The package a2a.v1 has no place for references, and only gateways keep them.
        for message in (answer.status.message, *answer.history):
            message.ClearField("reference_task_ids")
    assert read.digest() == ProtoPayload(method.response, answer).digest()
