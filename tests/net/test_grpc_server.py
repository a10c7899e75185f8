import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from a2a.client.transports.grpc import GrpcTransport
from a2a.types import a2a_pb2, a2a_pb2_grpc
from a2a.utils import errors as foreign_errors
from a2a.utils.grpc_status import status_from_call
from google.rpc import error_details_pb2  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code

from meshgate.a2a.bindings import grpc as binding
from meshgate.a2a.call import Admission, Call, Facts, Handler
from meshgate.a2a.errors import (
    InvalidParams,
    MeshError,
    RateLimited,
    TaskNotCancelable,
    TaskNotFound,
    Unauthenticated,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Head, Outcome
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageResponse, StreamResponse
from meshgate.net.grpc_server import A2AService, make_server, stop_server
from meshgate.net.grpc_status import failure_of
from tests.a2a.bindings.test_base import REQUESTS, answer_of
from tests.support import foreign
from tests.support.patience import patience

Code = grpc.StatusCode
SERVICE = "lf.a2a.v1.A2AService"
EVENTS = [
    a2a_pb2.StreamResponse(task=foreign.task(a2a_pb2.TASK_STATE_WORKING)),
    a2a_pb2.StreamResponse(
        status_update=a2a_pb2.TaskStatusUpdateEvent(task_id="task-1", context_id="ctx", status=foreign.task().status)
    ),
]


class Agent:
    """A handler that keeps its calls and answers with what it was given, or raises it."""

    def __init__(self, *events: Payload | BaseException, head: Head | None = None) -> None:
        self._events = events
        self._head = head or Head()
        self.calls: list[Call] = []
        self.ends: list[Outcome] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        return Reply(self._stream(), self._head).on_end(self.ends.append)

    async def _stream(self) -> AsyncGenerator[Payload, None]:
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
            yield event


def answer() -> Payload:
    return ProtoPayload(SendMessageResponse, a2a_pb2.SendMessageResponse(task=foreign.task()))


@asynccontextmanager
async def serving(
    handler: Handler,
    limits: Limits = DEFAULTS,
    clock: Callable[[], float] = lambda: 100.0,
    admit: Admission | None = None,
) -> AsyncGenerator[Any, None]:
    """A stock stub that speaks to our server over loopback."""
    server = make_server([A2AService(handler, limits, clock, admit)], limits)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            make: Any = a2a_pb2_grpc.A2AServiceStub
            stub = make(channel)
            stub.channel = channel
            yield stub
    finally:
        await stop_server(server, 0)


async def failed(call: Any) -> Any:
    """How a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def mesh_error(error: Any) -> MeshError:
    return binding.decode_error(failure_of(error), peer="mesh")


# -- what a stock client asks and gets


async def test_a_unary_call_is_answered() -> None:
    agent = Agent(answer(), head=Head({"meshgate-job": "j"}))
    async with serving(agent) as stub:
        call = stub.SendMessage(foreign.request(), metadata=(("x-trace", "1"), ("meshgate-target", "summarise@2")))
        assert await call == a2a_pb2.SendMessageResponse(task=foreign.task())
        assert dict(await call.initial_metadata())["meshgate-job"] == "j"
    called = agent.calls[0]
    assert isinstance(called.payload, ProtoPayload)
    assert called.payload.message == foreign.request()
    assert called.headers["x-trace"] == "1"
    assert called.target is not None
    assert called.target.skill == "summarise"
    assert [end.state for end in agent.ends] == ["done"]


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.streaming])
async def test_each_unary_method_is_served(name: str) -> None:
    method = METHODS[name]
    agent = Agent(ProtoPayload(method.response, answer_of(method)))
    async with serving(agent) as stub:
        assert await getattr(stub, name)(REQUESTS[name]) == answer_of(method)
    assert agent.calls[0].method is method


def get() -> a2a_pb2.GetTaskRequest:
    return a2a_pb2.GetTaskRequest(id="task-1")


def cancel() -> a2a_pb2.CancelTaskRequest:
    return a2a_pb2.CancelTaskRequest(id="task-1")


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.streaming])
async def test_each_streaming_method_is_served(name: str) -> None:
    request = foreign.request() if name == "SendStreamingMessage" else a2a_pb2.SubscribeToTaskRequest(id="task-1")
    agent = Agent(*(ProtoPayload(StreamResponse, event) for event in EVENTS), head=Head({"meshgate-job": "j"}))
    async with serving(agent) as stub:
        call = getattr(stub, name)(request)
        assert [event async for event in call] == EVENTS
        assert dict(await call.initial_metadata())["meshgate-job"] == "j"
    assert [end.state for end in agent.ends] == ["done"]


async def test_an_answer_that_came_as_json_goes_out_as_protobuf() -> None:
    tree = {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"data": {"n": 1}}]}}
    async with serving(Agent(JsonPayload(SendMessageResponse, tree))) as stub:
        got = await stub.SendMessage(foreign.request())
    assert got.message.parts[0].data.struct_value["n"] == 1.0


async def test_an_answer_without_a_protobuf_form_is_the_agents_fault() -> None:
    tree = {"task": {"id": "t", "status": {"state": "TASK_STATE_WORKING", "timestamp": "yesterday"}}}
    async with serving(Agent(JsonPayload(SendMessageResponse, tree))) as stub:
        error = await failed(stub.SendMessage(foreign.request()))
        assert mesh_error(error).code == "INVALID_AGENT_RESPONSE"
        stream = stub.SendStreamingMessage(foreign.request())
        assert mesh_error(await failed(stream.read())).code == "INVALID_AGENT_RESPONSE"


async def test_a_reply_without_an_event_is_the_agents_fault() -> None:
    async with serving(Agent()) as stub:
        assert mesh_error(await failed(stub.SendMessage(foreign.request()))).code == "INVALID_AGENT_RESPONSE"


# -- errors


async def test_an_error_arrives_with_its_details() -> None:
    wrong = InvalidParams("no", metadata={"limit": "8"}, violations=(("message.parts", "is bad"),), retry_after=2.5)
    async with serving(Agent(wrong)) as stub:
        error = await failed(stub.SendMessage(foreign.request()))
    assert error.code() is Code.INVALID_ARGUMENT
    status = status_from_call(error)
    assert status is not None
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == ("INVALID_PARAMS", "a2a-protocol.org", {"limit": "8"})
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 2500
    assert status.details[2].Unpack(bad)
    assert [(each.field, each.description) for each in bad.field_violations] == [("message.parts", "is bad")]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TaskNotFound("gone"), foreign_errors.TaskNotFoundError),
        (TaskNotCancelable("gone"), foreign_errors.TaskNotCancelableError),
        (InvalidParams("gone"), foreign_errors.InvalidParamsError),
    ],
)
async def test_a_stock_client_raises_its_own_error_for_ours(
    error: MeshError, kind: type[foreign_errors.A2AError]
) -> None:
    async with serving(Agent(error)) as stub:
        client = GrpcTransport(stub.channel, None)
        with pytest.raises(kind) as caught:
            await client.get_task(get())
    assert caught.value.message == "gone"


async def test_a_mistake_of_ours_is_an_internal_error_that_tells_nothing() -> None:
    async with serving(Agent(ValueError("secret"))) as stub:
        for call in (stub.SendMessage(foreign.request()), stub.SendStreamingMessage(foreign.request()).read()):
            error = await failed(call)
            assert (error.code(), mesh_error(error).code) == (Code.INTERNAL, "INTERNAL_ERROR")
            assert "secret" not in (error.details() or "")


async def test_an_error_after_the_first_event_ends_the_stream() -> None:
    agent = Agent(ProtoPayload(StreamResponse, EVENTS[0]), RateLimited(retry_after=1.0))
    async with serving(agent) as stub:
        stream = stub.SendStreamingMessage(foreign.request())
        assert await stream.read() == EVENTS[0]
        error = mesh_error(await failed(stream.read()))
    assert (type(error), error.retry_after) == (RateLimited, 1.0)
    assert [end.state for end in agent.ends] == ["failed"]


@pytest.mark.parametrize("text", ["x" * 20_000, "\u00e9" * 20_000, "\U0001f600" * 20_000, "line\r\nbreak\x00"])
async def test_the_longest_error_still_arrives(text: str) -> None:
    many = {f"fact{number}": text[:500] for number in range(50)}
    wrong = InvalidParams(text, metadata=many, violations=tuple((f"f{number}", text[:500]) for number in range(50)))
    async with serving(Agent(wrong)) as stub:
        error = await failed(stub.SendMessage(foreign.request()))
    assert mesh_error(error).code == "INVALID_PARAMS"


# -- deadlines and cancels


async def test_a_callers_deadline_is_told_on_the_services_clock() -> None:
    agent = Agent(answer())
    async with serving(agent, clock=lambda: 100.0) as stub:
        await stub.SendMessage(foreign.request(), timeout=50)
        await stub.SendMessage(foreign.request(), timeout=100_000)
        await stub.SendMessage(foreign.request())
    near, far, none = (call.deadline for call in agent.calls)
    assert 100.0 < near <= 151.0  # gRPC rounds up what it sends
    assert 100_000 < far <= 100_401
    assert none == float("inf")


class Waiting:
    """A handler that waits for ever, before its reply or within it."""

    def __init__(self, *, within: bool) -> None:
        self._within = within
        self.entered = asyncio.Event()
        self.ended = asyncio.Event()
        self.ends: list[str] = []

    def _end(self, outcome: Outcome) -> None:
        self.ends.append(outcome.state)
        self.ended.set()

    async def __call__(self, call: Call) -> Reply:
        if self._within:
            return Reply(self._stream()).on_end(self._end)
        try:
            self.entered.set()
            await asyncio.Event().wait()
        finally:
            self._end(Outcome("cancelled"))
        raise AssertionError

    async def _stream(self) -> AsyncGenerator[Payload, None]:
        yield ProtoPayload(StreamResponse, EVENTS[0])
        self.entered.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("name", "within"), [("SendMessage", False), ("SendStreamingMessage", False), ("SendStreamingMessage", True)]
)
async def test_a_caller_that_cancels_ends_its_call(name: str, within: bool) -> None:
    agent = Waiting(within=within)
    async with serving(agent) as stub:
        call = getattr(stub, name)(foreign.request())
        reading = asyncio.ensure_future(_read(call))
        await agent.entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await agent.ended.wait()
    assert agent.ends == ["cancelled"]


async def _read(call: Any) -> None:
    if hasattr(call, "read"):
        async for _ in call:
            pass
    else:
        await call


async def test_a_deadline_that_passes_ends_the_call() -> None:
    agent = Waiting(within=False)
    async with serving(agent) as stub:
        for seconds in (0.1, 1.0, 10.0):
            error = await failed(stub.SendMessage(foreign.request(), timeout=seconds))
            assert error.code() is Code.DEADLINE_EXCEEDED
            if agent.entered.is_set():  # on a busy machine a deadline may pass before the agent has the call
                break
        await agent.ended.wait()
    assert set(agent.ends) == {"cancelled"}


# -- what is refused


@pytest.mark.parametrize("version", ["1.0", "1.0.3", None])
async def test_the_version_is_the_packages_own_unless_it_is_named(version: str | None) -> None:
    metadata = (("a2a-version", version),) if version else ()
    async with serving(Agent(answer())) as stub:
        await stub.SendMessage(foreign.request(), metadata=metadata)


@pytest.mark.parametrize("version", ["0.3", "1.1", "99.0"])
async def test_another_version_is_refused(version: str) -> None:
    agent = Agent(answer())
    async with serving(agent) as stub:
        error = await failed(stub.SendMessage(foreign.request(), metadata=(("a2a-version", version),)))
    assert (error.code(), mesh_error(error).code) == (Code.FAILED_PRECONDITION, "VERSION_NOT_SUPPORTED")
    assert agent.calls == []


async def test_a_method_that_nobody_knows_is_unimplemented() -> None:
    async with serving(Agent(answer())) as stub:
        for path in (f"/{binding.SERVICE}/Nonsense", "/a2a.v1.A2AService/SendMessage"):
            assert (await failed(stub.channel.unary_unary(path)(b""))).code() is Code.UNIMPLEMENTED


async def test_a_message_over_the_limit_is_refused_and_one_of_the_limit_taken() -> None:
    agent = Agent(answer())
    async with serving(agent, Limits(body=10_000)) as stub:
        request = foreign.request()
        request.message.parts.add().text = "x" * 20_000
        assert (await failed(stub.SendMessage(request))).code() is Code.RESOURCE_EXHAUSTED
        request.message.parts[-1].text = "x" * (10_000 - (request.ByteSize() - 20_000))
        assert request.ByteSize() <= 10_000
        await stub.SendMessage(request)
    assert len(agent.calls) == 1


@pytest.mark.parametrize("depth", [60, 5_000])
async def test_a_message_that_is_too_deep_is_refused(depth: int) -> None:
    data = b""
    for _ in range(depth):
        inner = b"\x0a" + _length(data) + data
        data = b"\x32" + _length(inner) + inner
    part = b"\x22" + _length(data) + data
    message = b"\x2a" + _length(part) + part
    agent = Agent(answer())
    async with serving(agent) as stub:
        unary = stub.channel.unary_unary("/lf.a2a.v1.A2AService/SendMessage")
        error = await failed(unary(b"\x12" + _length(message) + message))
    assert (error.code(), mesh_error(error).code) == (Code.INVALID_ARGUMENT, "INVALID_PARAMS")
    assert agent.calls == []


def _length(data: bytes) -> bytes:
    size, out = len(data), bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size])


async def test_a_wide_message_is_refused() -> None:
    request = foreign.request()
    request.message.extensions.extend(["x"] * 60_000)
    async with serving(Agent(answer())) as stub:
        error = await failed(stub.SendMessage(request))
    assert (error.code(), mesh_error(error).code) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "metadata", [[("x", "y" * 3_000), ("z", "y" * 3_000)], [(f"x{number}", "y") for number in range(150)]]
)
async def test_too_much_metadata_is_refused(metadata: list[tuple[str, str]]) -> None:
    agent = Agent(answer())
    async with serving(agent, Limits(header_bytes=5_000)) as stub:
        error = await failed(stub.SendMessage(foreign.request(), metadata=tuple(metadata)))
    assert error.code() is Code.RESOURCE_EXHAUSTED
    assert agent.calls == []


async def test_a_selector_that_cannot_be_read_is_refused() -> None:
    async with serving(Agent(answer())) as stub:
        error = await failed(stub.SendMessage(foreign.request(), metadata=(("meshgate-target", "a b@x"),)))
    assert mesh_error(error).code == "INVALID_PARAMS"


async def test_what_admits_a_request_sees_its_metadata_before_its_message_is_read() -> None:
    seen = list[Mapping[str, str]]()

    def admit(metadata: Mapping[str, str]) -> None:
        seen.append(metadata)
        raise Unauthenticated

    agent = Agent(answer())
    async with serving(agent, admit=admit) as stub:
        unary = stub.channel.unary_unary("/lf.a2a.v1.A2AService/SendMessage")
        error = await failed(unary(b"\xff no message", metadata=(("authorization", "Bearer x"),)))
    assert (error.code(), mesh_error(error).code) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert seen[0]["authorization"] == "Bearer x"
    assert agent.calls == []


async def test_a_port_that_is_taken_is_not_shared() -> None:
    first = make_server([A2AService(Agent())])
    port = first.add_insecure_port("127.0.0.1:0")
    await first.start()
    try:
        with pytest.raises(RuntimeError):
            make_server([A2AService(Agent())]).add_insecure_port(f"127.0.0.1:{port}")
    finally:
        await stop_server(first, 0)


# -- callers that are not admitted


def nobody(_: Mapping[str, str]) -> None:
    raise Unauthenticated


async def nobody_later(_: Mapping[str, str]) -> Facts:
    await asyncio.sleep(0)
    raise Unauthenticated


@pytest.mark.requirement("edge.key_first")
@pytest.mark.parametrize("admit", [nobody, nobody_later])
@pytest.mark.parametrize(
    "name", ["SendMessage", "SendStreamingMessage", "ListTasks", "GetExtendedAgentCard", "CancelTask"]
)
async def test_who_is_not_admitted_is_refused_before_a_message_has_come(admit: Admission, name: str) -> None:
    never = asyncio.Event()

    async def silent() -> AsyncGenerator[bytes, None]:
        await never.wait()
        yield b""

    handler = Agent()
    async with serving(handler, admit=admit) as stub, asyncio.timeout(patience()):
        ask = stub.channel.stream_stream(f"/{SERVICE}/{name}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            [each async for each in ask(silent())]
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert isinstance(mesh_error(caught.value), Unauthenticated)
    assert handler.calls == []


@pytest.mark.requirement("edge.key_first")
async def test_a_method_that_does_not_exist_is_told_to_who_is_admitted_alone() -> None:
    async with serving(Agent(), admit=nobody) as stub:
        error = await failed(stub.channel.unary_unary(f"/{SERVICE}/Everything")(b""))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED

    async def later(_: Mapping[str, str]) -> Facts:
        return {}

    admissions: list[Admission] = [lambda _: {}, later]
    for admit in admissions:
        async with serving(Agent(), admit=admit) as stub:
            error = await failed(stub.channel.unary_unary(f"/{SERVICE}/Everything")(b""))
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.requirement("edge.key_first")
async def test_what_is_found_out_before_the_message_is_read_goes_with_the_call() -> None:
    async def later(_: Mapping[str, str]) -> Facts:
        await asyncio.sleep(0)
        return {str: "late"}

    admissions: list[Admission] = [lambda _: {str: "at once"}, later]
    for admit, fact in zip(admissions, ("at once", "late"), strict=True):
        handler = Agent(answer())
        async with serving(handler, admit=admit) as stub:
            await stub.SendMessage(foreign.request())
            assert [event async for event in stub.SendStreamingMessage(foreign.request())]
        assert [call.facts for call in handler.calls] == [{str: fact}] * 2
