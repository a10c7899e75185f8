import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest

from meshgate.a2a import errors
from meshgate.a2a.bindings import jsonrpc, jsonrpc_0_3
from meshgate.a2a.bindings.base import ClientExchange, Failure, Request
from meshgate.a2a.bindings.operations import build_call
from meshgate.a2a.bindings.sse import HEARTBEAT
from meshgate.a2a.call import Admission, Call, Facts, Handler
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import MeshError, RateLimited, TaskNotFound, Unauthenticated
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.outcome import Head, Outcome
from meshgate.a2a.payload import JsonPayload, Payload, payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import GetTaskRequest, SendMessageResponse, StreamResponse
from meshgate.net.endpoint import HttpEndpoint, choose
from tests.net.request import Connection, Message
from tests.support.virtual_loop import settle, virtual_time

HEADERS = {"content-type": "application/json", "a2a-version": "1.0"}
MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
ANSWER = {"message": {**MESSAGE, "role": "ROLE_AGENT"}}


def rpc(method: str = "SendMessage", params: Any = None, rpc_id: Any = "1") -> bytes:
    params = {"message": MESSAGE} if params is None else params
    return json.dumps({"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}).encode()


def answers(view: dict[str, Any] = ANSWER, head: Head | None = None) -> Handler:
    async def handle(call: Call) -> Reply:
        return Reply.one(JsonPayload(SendMessageResponse, view), head or Head())

    return handle


def raises(error: BaseException) -> Handler:
    async def handle(call: Call) -> Reply:
        raise error

    return handle


def streams(*steps: str | float | BaseException, ends: Callable[[Outcome], None] | None = None) -> Handler:
    """Events by their text, pauses by their seconds, and what is raised."""

    async def events() -> AsyncGenerator[Payload, None]:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, str):
                yield JsonPayload(StreamResponse, {"message": {**MESSAGE, "messageId": step}})
            elif math.isinf(step):
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(step)

    async def handle(call: Call) -> Reply:
        reply = Reply(events())
        return reply if ends is None else reply.on_end(ends)

    return handle


async def serve(
    handler: Handler,
    connection: Connection,
    headers: dict[str, str] | None = None,
    limits: Limits = DEFAULTS,
    query: str = "",
) -> Connection:
    request = Request(query=query, headers=HEADERS if headers is None else headers)
    await HttpEndpoint(jsonrpc.BINDING, handler, limits)(request, connection.receive, connection.send)
    return connection


def reason(connection: Connection) -> str:
    error = json.loads(connection.body)["error"]
    return str(error["data"][0]["reason"])


# -- one answer


@virtual_time
async def test_a_call_is_answered() -> None:
    connection = await serve(answers(), Connection(rpc()))
    assert (connection.status, connection.ended) == (200, True)
    assert connection.headers["content-type"] == "application/json"
    assert int(connection.headers["content-length"]) == len(connection.body)
    assert json.loads(connection.body) == {"jsonrpc": "2.0", "id": "1", "result": ANSWER}


@virtual_time
async def test_a_body_may_come_in_pieces_and_in_either_media_type() -> None:
    body = rpc()
    for media in ("application/json", "Application/A2A+JSON; charset=utf-8"):
        pieces = Connection(*(body[at : at + 1] for at in range(len(body))))
        connection = await serve(answers(), pieces, {**HEADERS, "content-type": media})
        assert json.loads(connection.body)["result"] == ANSWER


@virtual_time
async def test_the_replys_headers_are_sent_but_none_that_would_end_a_line() -> None:
    head = Head({"meshgate-job": "j", "meshgate-call": "a\r\nx: y", "meshgate-instance": "\u00e9\u20ac"})
    connection = await serve(answers(head=head), Connection(rpc()))
    assert connection.headers["meshgate-job"] == "j"
    assert not connection.headers.keys() & {"meshgate-call", "meshgate-instance", "x"}


@pytest.mark.parametrize(
    ("chunks", "headers", "status", "code"),
    [
        ([b"x"], {"a2a-version": "1.0"}, 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ([rpc()], {**HEADERS, "content-type": "text/plain"}, 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ([rpc()], {**HEADERS, "content-encoding": "gzip"}, 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ([rpc()], {**HEADERS, "content-length": "4194305"}, 413, "BODY_TOO_LARGE"),
        ([rpc()], {**HEADERS, "content-length": "9" * 400}, 413, "BODY_TOO_LARGE"),
        ([rpc()], {**HEADERS, "content-length": "-1"}, 400, "INVALID_REQUEST"),
        ([rpc()], {**HEADERS, "content-length": "5,5"}, 400, "INVALID_REQUEST"),
        ([rpc()], {**HEADERS, "content-length": "\u00b2"}, 400, "INVALID_REQUEST"),
        ([b""], {**HEADERS, "content-length": "0"}, 400, "PARSE_ERROR"),
        ([b""], HEADERS, 400, "PARSE_ERROR"),
        ([b"{"], HEADERS, 400, "PARSE_ERROR"),
        ([b"[]"], HEADERS, 400, "INVALID_REQUEST"),
        ([b"[" * 100_000], HEADERS, 400, "INVALID_REQUEST"),
        ([rpc(rpc_id={})], HEADERS, 400, "INVALID_REQUEST"),
        ([rpc()], {"content-type": "application/json"}, 200, "VERSION_NOT_SUPPORTED"),
        ([rpc()], {**HEADERS, "a2a-version": "0.3"}, 200, "VERSION_NOT_SUPPORTED"),
        ([rpc("message/send")], HEADERS, 200, "METHOD_NOT_FOUND"),
        ([rpc("NoSuch")], HEADERS, 200, "METHOD_NOT_FOUND"),
        ([rpc("GetTaskPushNotificationConfig")], HEADERS, 200, "INVALID_PARAMS"),
        ([rpc(params={})], HEADERS, 200, "INVALID_PARAMS"),
        ([rpc(params={"message": {**MESSAGE, "taskId": "a\r\nb"}})], HEADERS, 200, "INVALID_PARAMS"),
    ],
)
def test_a_request_that_is_refused_gets_its_status_and_its_reason(
    chunks: list[bytes], headers: dict[str, str], status: int, code: str
) -> None:
    @virtual_time
    async def check() -> Connection:
        return await serve(answers(), Connection(*chunks), headers)

    connection = check()
    assert (connection.status, reason(connection), connection.ended) == (status, code, True)
    assert (connection.headers.get("connection") == "close") == (status in (408, 413))


@virtual_time
async def test_the_query_names_the_version_for_who_cannot_set_a_header() -> None:
    connection = await serve(
        answers(), Connection(rpc()), {"content-type": "application/json"}, query="A2A-Version=1.0"
    )
    assert json.loads(connection.body)["result"] == ANSWER


@virtual_time
async def test_a_body_over_the_limit_is_refused_before_much_more_is_read() -> None:
    chunk = b"x" * 65_536
    connection = await serve(answers(), Connection(*[chunk] * 1_600))
    assert (connection.status, reason(connection)) == (413, "BODY_TOO_LARGE")
    assert connection.read <= DEFAULTS.body + 65_536


@virtual_time
async def test_a_body_of_just_the_limit_is_read() -> None:
    limits = Limits(body=len(rpc()))
    assert (await serve(answers(), Connection(rpc()), limits=limits)).status == 200
    assert (await serve(answers(), Connection(rpc() + b" "), limits=limits)).status == 413


@virtual_time
async def test_a_body_that_does_not_come_in_time_is_refused() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    connection = await serve(answers(), Connection(b'{"json', ends=False))
    assert (connection.status, reason(connection)) == (408, "BODY_TIMEOUT")
    assert loop.time() - before == pytest.approx(DEFAULTS.body_seconds)


@virtual_time
async def test_a_caller_that_leaves_within_its_body_makes_no_call() -> None:
    called = list[Call]()

    async def handle(call: Call) -> Reply:
        called.append(call)
        return await answers()(call)

    connection = Connection(rpc(), ends=False)
    connection.leave()
    await serve(handle, connection)
    assert called == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TaskNotFound(), 200, "TASK_NOT_FOUND"),
        (errors.NoRoute(), 200, "NO_ROUTE"),
        (errors.ParseError(), 200, "PARSE_ERROR"),
        (Unauthenticated(), 401, "UNAUTHENTICATED"),
        (errors.PermissionDenied(), 403, "PERMISSION_DENIED"),
        (RateLimited(retry_after=2.2), 200, "RATE_LIMITED"),
        (ValueError("a mistake of ours"), 200, "INTERNAL_ERROR"),
        (StopAsyncIteration(), 200, "INTERNAL_ERROR"),
    ],
)
def test_what_a_handler_raises_is_the_answer(error: BaseException, status: int, code: str) -> None:
    @virtual_time
    async def check() -> Connection:
        return await serve(raises(error), Connection(rpc(rpc_id=7)))

    connection = check()
    assert (connection.status, reason(connection)) == (status, code)
    assert json.loads(connection.body)["id"] == 7
    assert "mistake" not in connection.body.decode()
    assert connection.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert connection.headers.get("retry-after") == ("3" if code == "RATE_LIMITED" else None)


@pytest.mark.parametrize(
    ("pause", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (300.0, "300"), (math.inf, None)]
)
def test_a_pause_is_told_in_whole_seconds_and_never_as_none(pause: float, header: str | None) -> None:
    @virtual_time
    async def check() -> Connection:
        return await serve(raises(RateLimited(retry_after=pause)), Connection(rpc()))

    assert check().headers.get("retry-after") == header


@virtual_time
async def test_what_is_refused_without_a_request_has_its_http_status() -> None:
    for error, status in ((errors.NoRoute(), 404), (errors.UpstreamUnavailable(), 503), (MeshError(), 500)):
        connection = Connection()
        await HttpEndpoint(jsonrpc.BINDING, answers()).refuse(connection.send, error)
        assert (connection.status, connection.ended) == (status, True)


@virtual_time
async def test_a_reply_without_an_event_is_an_error_of_the_agents() -> None:
    for method in ("SendMessage", "SendStreamingMessage"):
        connection = await serve(streams(), Connection(rpc(method)))
        assert (connection.status, reason(connection)) == (200, "INVALID_AGENT_RESPONSE")


@virtual_time
async def test_the_one_event_of_a_unary_call_ends_its_reply_as_done() -> None:
    ends = list[Outcome]()

    async def handle(call: Call) -> Reply:
        return (await answers()(call)).on_end(ends.append)

    await serve(handle, Connection(rpc()))
    assert [end.state for end in ends] == ["done"]


# -- callers that leave


@virtual_time
async def test_a_caller_that_leaves_a_unary_call_cancels_it() -> None:
    state = list[str]()

    async def handle(call: Call) -> Reply:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            state.append("cancelled")
            raise
        return await answers()(call)

    connection = Connection(rpc())
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(serve(handle, connection))
    await asyncio.sleep(1)
    left = loop.time()
    connection.leave()
    await serving
    assert state == ["cancelled"]
    assert loop.time() - left < 0.1
    assert connection.sent == []
    assert not serving.cancelling()


@virtual_time
async def test_a_caller_that_has_left_at_once_is_noticed_within_the_watch_time() -> None:
    connection = Connection(rpc())
    connection.leave()
    loop = asyncio.get_running_loop()
    before = loop.time()

    async def handle(call: Call) -> Reply:
        await asyncio.sleep(3600)
        return await answers()(call)

    await serve(handle, connection)
    assert loop.time() - before < 0.1


@virtual_time
async def test_a_server_that_cancels_is_obeyed() -> None:
    serving = asyncio.ensure_future(serve(raises_never, Connection(rpc())))
    await asyncio.sleep(1)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def raises_never(call: Call) -> Reply:
    await asyncio.Event().wait()
    return await answers()(call)


@virtual_time
async def test_a_caller_that_leaves_just_as_the_answer_comes_harms_nobody() -> None:
    connection = Connection(rpc())

    async def handle(call: Call) -> Reply:
        await asyncio.sleep(1)
        connection.leave()
        await settle()  # the watcher notices, and asks for the cancellation of what is about to end
        return await answers()(call)

    await serve(handle, connection)


@virtual_time
async def test_a_caller_that_leaves_a_stream_ends_its_reply_as_cancelled() -> None:
    ends = list[Outcome]()
    connection = Connection(rpc("SendStreamingMessage"))
    serving = asyncio.ensure_future(serve(streams("a", math.inf, ends=ends.append), connection))
    await asyncio.sleep(1)
    assert len(connection.events()) == 1
    connection.leave()
    await serving
    assert [end.state for end in ends] == ["cancelled"]
    assert not connection.ended
    await asyncio.sleep(10 * DEFAULTS.heartbeat)
    assert connection.tried == 2  # the head and the event; no comment to who has left


@virtual_time
async def test_a_connection_that_takes_nothing_any_more_ends_the_call() -> None:
    for method, handler in (("SendMessage", answers()), ("SendStreamingMessage", streams("a", "b"))):
        connection = Connection(rpc(method))
        connection.refuses_to_send = True
        await serve(handler, connection)
        assert connection.sent == []


@virtual_time
async def test_a_connection_that_breaks_in_a_stream_ends_its_reply_as_cancelled() -> None:
    ends = list[Outcome]()
    connection = Connection(rpc("SendStreamingMessage"))
    serving = asyncio.ensure_future(serve(streams("a", 1.0, "b", ends=ends.append), connection))
    await settle()
    connection.refuses_to_send = True
    await serving
    assert [end.state for end in ends] == ["cancelled"]


# -- streams


@virtual_time
async def test_a_stream_is_sent_event_by_event() -> None:
    ends = list[Outcome]()
    connection = Connection(rpc("SendStreamingMessage", rpc_id=5))
    serving = asyncio.ensure_future(serve(streams("a", 1.0, "b", 1.0, "c", ends=ends.append), connection))
    await settle()
    assert [event["result"]["message"]["messageId"] for event in connection.events()] == ["a"]
    await serving
    assert connection.status == 200
    assert connection.headers["content-type"] == "text/event-stream"
    assert connection.headers["cache-control"] == "no-cache"
    assert [event["result"]["message"]["messageId"] for event in connection.events()] == ["a", "b", "c"]
    assert {event["id"] for event in connection.events()} == {5}
    assert connection.ended
    assert [end.state for end in ends] == ["done"]


@virtual_time
async def test_a_stream_that_fails_before_its_first_event_is_a_plain_error() -> None:
    for handler in (streams(TaskNotFound()), raises(TaskNotFound())):
        connection = await serve(handler, Connection(rpc("SendStreamingMessage")))
        assert connection.headers["content-type"] == "application/json"
        assert (connection.status, reason(connection)) == (200, "TASK_NOT_FOUND")


LEGACY_MESSAGE = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}


async def serve_0_3(handler: Handler, method: str, params: Any) -> Connection:
    connection = Connection(rpc(method, params, rpc_id=5))
    endpoint = HttpEndpoint(jsonrpc_0_3.BINDING, handler)
    await endpoint(Request(headers={"content-type": "application/json"}), connection.receive, connection.send)
    return connection


@pytest.mark.parametrize(
    ("handler", "method", "params", "number"),
    [
        (raises(TaskNotFound()), "message/stream", {"message": LEGACY_MESSAGE}, -32001),
        (streams(TaskNotFound()), "tasks/resubscribe", {"id": "t"}, -32001),
        (answers(), "message/stream", {"message": {**LEGACY_MESSAGE, "role": "nobody"}}, -32602),
    ],
)
def test_a_stream_of_0_3_that_fails_before_its_first_event_has_the_error_as_its_event(
    handler: Handler, method: str, params: Any, number: int
) -> None:
    """The SDKs of 0.3 look for an error of a stream nowhere else."""
    connection = virtual_time(serve_0_3)(handler, method, params)
    assert (connection.status, connection.headers["content-type"]) == (200, "text/event-stream")
    (event,) = connection.events()
    assert (event["id"], event["error"]["code"]) == (5, number)
    assert connection.ended


@pytest.mark.parametrize(
    ("error", "method", "params", "status"),
    [
        (TaskNotFound(), "tasks/get", {"id": "t"}, 200),
        (Unauthenticated(), "message/stream", {"message": LEGACY_MESSAGE}, 401),
    ],
)
def test_what_is_no_stream_of_0_3_or_has_a_status_is_refused_by_a_document(
    error: MeshError, method: str, params: Any, status: int
) -> None:
    connection = virtual_time(serve_0_3)(raises(error), method, params)
    assert (connection.status, connection.headers["content-type"]) == (status, "application/json")
    assert json.loads(connection.body)["id"] == 5


@pytest.mark.parametrize(
    ("error", "code"), [(TaskNotFound(), "TASK_NOT_FOUND"), (ValueError("secret"), "INTERNAL_ERROR")]
)
def test_a_stream_that_fails_later_ends_with_an_error_event(error: Exception, code: str) -> None:
    @virtual_time
    async def check() -> Connection:
        return await serve(streams("a", error), Connection(rpc("SendStreamingMessage", rpc_id=5)))

    connection = check()
    first, last = connection.events()
    assert "result" in first
    assert (last["id"], last["error"]["data"][0]["reason"]) == (5, code)
    assert connection.ended
    assert b"secret" not in connection.body


@virtual_time
async def test_a_quiet_stream_gets_a_comment_after_each_pause() -> None:
    connection = Connection(rpc("SendStreamingMessage"))
    pause = DEFAULTS.heartbeat
    serving = asyncio.ensure_future(serve(streams("a", 3.5 * pause, "b", 0.9 * pause, "c", 1.5 * pause), connection))
    counts = list[int]()
    for wait in (0.5, 1.0, 1.0, 1.5, 0.9, 0.3):
        await asyncio.sleep(wait * pause)
        counts.append(connection.body.count(HEARTBEAT))
    await serving
    assert counts == [0, 1, 2, 3, 3, 3]
    assert connection.body.count(HEARTBEAT) == 4
    assert len(connection.events()) == 3


@virtual_time
async def test_no_comment_follows_the_end_of_a_stream() -> None:
    connection = await serve(streams("a", TaskNotFound()), Connection(rpc("SendStreamingMessage")))
    sent = len(connection.sent)
    await asyncio.sleep(10 * DEFAULTS.heartbeat)
    assert len(connection.sent) == sent
    assert len(asyncio.all_tasks()) == 1


class SlowConnection(Connection):
    """Takes what is sent only when its reader reads."""

    def __init__(self, *chunks: bytes) -> None:
        super().__init__(*chunks)
        self.reads = asyncio.Event()
        self.waiting = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.waiting += 1
            await self.reads.wait()
            self.waiting -= 1
        await super().send(message)


@virtual_time
async def test_comments_do_not_pile_up_before_a_reader_that_is_behind() -> None:
    connection = SlowConnection(rpc("SendStreamingMessage"))
    serving = asyncio.ensure_future(serve(streams("a", "b"), connection))
    await asyncio.sleep(100 * DEFAULTS.heartbeat)
    assert connection.waiting == 1
    connection.reads.set()
    await serving
    assert len(connection.events()) == 2
    assert HEARTBEAT not in connection.body


@virtual_time
async def test_a_comment_that_cannot_be_sent_is_the_last_one() -> None:
    connection = Connection(rpc("SendStreamingMessage"))
    serving = asyncio.ensure_future(serve(streams("a", math.inf), connection))
    await settle()
    connection.refuses_to_send = True
    await asyncio.sleep(100 * DEFAULTS.heartbeat)
    connection.leave()
    await serving
    assert len(connection.events()) == 1
    assert connection.tried == 3  # the head, the event and one comment


@virtual_time
async def test_requests_share_the_timers_of_their_endpoint() -> None:
    endpoint = HttpEndpoint(jsonrpc.BINDING, answers())
    for _ in range(50):
        connection = Connection(rpc())
        await endpoint(Request(headers=HEADERS), connection.receive, connection.send)
        assert connection.status == 200
    loop: Any = asyncio.get_running_loop()
    assert len(loop._scheduled) == 2  # one for bodies, one for callers that leave


# -- a binding of another shape


class ById:
    """GetTask as a GET, as REST writes it: the operation is in the path, the version in the query, and no body."""

    id = "BY-ID"
    version = "1.0"
    media_types: tuple[str, ...] = ("application/a2a+json",)
    empty_bodies = False
    own_statuses = True

    def takes(self, request: Request) -> bool:
        return request.method == "GET" and request.path.startswith("/tasks/")

    def has_reason(self, body: bytes) -> bool:
        return False

    def server(self) -> "ById.Server":
        return self.Server()

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> ClientExchange:
        raise NotImplementedError

    class Server:
        media_type = "application/a2a+json"
        error_event = ""

        def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
            if request.query != "A2A-Version=1.0":
                raise errors.VersionNotSupported
            name = request.path.removeprefix("/tasks/")
            view = GetTaskRequest(name)
            return build_call(METHODS["GetTask"], payload_of(view), view, request.headers, request.target)

        def encode_answer(self, payload: Payload) -> bytes:
            return json.dumps(payload.tree()).encode()

        encode_event = encode_answer

        def encode_error(self, error: MeshError) -> Failure:
            return Failure(404 if isinstance(error, TaskNotFound) else 400, error.code.encode())


async def get(handler: Handler, query: str = "A2A-Version=1.0") -> Connection:
    """Serve a request without a body and without a media type."""
    connection = Connection()
    request = Request("GET", "/tasks/t-1", query)
    endpoint = HttpEndpoint(ById(), handler)
    assert endpoint.takes(request)
    await endpoint(request, connection.receive, connection.send)
    return connection


@virtual_time
async def test_a_binding_reads_the_method_the_path_and_the_query_and_needs_no_body() -> None:
    async def handle(call: Call) -> Reply:
        return Reply.one(JsonPayload(call.method.response, {"id": call.task_id, "status": {"state": "x"}}))

    connection = await get(handle)
    assert (connection.status, json.loads(connection.body)["id"]) == (200, "t-1")
    assert connection.headers["content-type"] == "application/a2a+json"


class OlderById(ById):
    """The same in another version."""

    version = "0.3"


@pytest.mark.parametrize(
    ("headers", "query", "version"),
    [
        ({"a2a-version": "1.0"}, "", "1.0"),
        ({"a2a-version": "1.0.2"}, "", "1.0"),
        ({}, "A2A-Version=1.0", "1.0"),
        ({}, "", "0.3"),
        ({"a2a-version": "0.3"}, "A2A-Version=1.0", "0.3"),
        ({"a2a-version": "7.0"}, "", "1.0"),
    ],
)
def test_of_versions_that_share_a_url_the_requests_own_serves_it(
    headers: dict[str, str], query: str, version: str
) -> None:
    endpoints = [HttpEndpoint(binding, answers()) for binding in (jsonrpc.BINDING, ById(), OlderById())]
    chosen = choose(endpoints, Request("GET", "/tasks/t", query, headers))
    assert chosen is not None
    assert (chosen.binding.id, chosen.binding.version) == ("BY-ID", version)
    assert choose(endpoints, Request("POST", "/", query, headers)) is endpoints[0]
    assert choose(endpoints, Request("DELETE", "/tasks/t", query, headers)) is None


@virtual_time
async def test_an_error_has_its_bindings_own_status_and_form() -> None:
    for handler, query, expected in (
        (raises(TaskNotFound()), "A2A-Version=1.0", (404, b"TASK_NOT_FOUND")),
        (answers(), "", (400, b"VERSION_NOT_SUPPORTED")),
    ):
        connection = await get(handler, query)
        assert (connection.status, connection.body) == expected
        assert connection.headers["content-type"] == "application/a2a+json"


@virtual_time
async def test_what_is_not_admitted_is_refused_before_its_body_is_read() -> None:
    def admit(headers: Mapping[str, str]) -> None:
        raise Unauthenticated

    connection = Connection(rpc())
    endpoint = HttpEndpoint(jsonrpc.BINDING, answers(), admit=admit)
    await endpoint(Request(headers=HEADERS), connection.receive, connection.send)
    assert (connection.status, connection.read) == (401, 0)
    assert connection.headers["www-authenticate"] == "Bearer"


@virtual_time
async def test_what_is_found_out_before_the_body_is_read_goes_with_the_call() -> None:
    calls: list[Call] = []

    async def handle(call: Call) -> Reply:
        calls.append(call)
        return Reply.one(JsonPayload(SendMessageResponse, ANSWER))

    async def late(_: Mapping[str, str]) -> Facts:
        await asyncio.sleep(1.0)
        return {str: "late"}

    admissions: list[Admission] = [lambda _: {str: "at once"}, late, lambda _: None]
    for admit in admissions:
        connection = Connection(rpc())
        endpoint = HttpEndpoint(jsonrpc.BINDING, handle, admit=admit)
        await endpoint(Request(headers=HEADERS), connection.receive, connection.send)
        assert connection.status == 200
    assert [call.facts for call in calls] == [{str: "at once"}, {str: "late"}, {}]


@pytest.mark.requirement("edge.skipped")
@pytest.mark.parametrize(
    ("head", "closes"),
    [
        ({"content-length": "65536"}, False),
        ({"content-length": "65537"}, True),
        ({"content-length": "9" * 40}, True),
        ({"content-length": "\u0663"}, True),
        ({"transfer-encoding": "chunked"}, True),
        ({}, False),
    ],
    ids=str,
)
@virtual_time
async def test_a_connection_with_more_to_come_than_is_read_for_nothing_is_closed_after_the_refusal(
    head: dict[str, str], *, closes: bool
) -> None:
    def admit(headers: Mapping[str, str]) -> None:
        raise Unauthenticated

    connection = Connection(rpc())
    endpoint = HttpEndpoint(jsonrpc.BINDING, answers(), admit=admit)
    await endpoint(Request(headers={**HEADERS, **head}), connection.receive, connection.send)
    assert (connection.status, connection.read) == (401, 0)
    assert connection.headers.get("connection") == ("close" if closes else None)
