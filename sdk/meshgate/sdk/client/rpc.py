"""A2A over HTTP to gateways: sends A2A requests, and reads answers and streams."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext

import httpx

from meshgate.a2a import errors, payload
from meshgate.a2a.bindings.base import ClientExchange, Failure
from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.bindings.table import DEFAULT
from meshgate.a2a.errors import InvalidAgentResponse, MeshError, OutcomeUnknown, UpstreamDeadline
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.a2a.types import A2AMessage, SendMessageRequest, SendMessageResponse, StreamResponse
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.request import CallArguments, path_of
from meshgate.sdk.client.results import Event
from meshgate.sdk.client.sender import Sender, make_client, read_body
from meshgate.sdk.current import CURRENT
from meshgate.sdk.option_check import is_number
from meshgate.sdk.skills.deprecation import warn_of_deadline, warn_once
from meshgate.sdk.spans import Spans

__all__ = ["RpcClient", "origin_of"]

_SEND, _STREAM = METHODS["SendMessage"], METHODS["SendStreamingMessage"]


class RpcClient:
    """Sends the requests of a ``Mesh`` or of an agent's skills.

    Args:
        find: the gateways to call through; asked once, for the first call outside a skill.
        inside: whether calls inside a skill go the agent's own way into the mesh, as children of the call it serves.
        transport: what carries the requests (an httpx transport), or a client of your own, which you close yourself.
        limits: sizes and times.
        spans: records a span for each call.
    """

    def __init__(
        self,
        find: Callable[[], Access],
        *,
        inside: bool,
        transport: httpx.AsyncBaseTransport | httpx.AsyncClient | None,
        limits: Limits,
        spans: Spans | None,
    ) -> None:
        self._find = find
        self._inside = inside
        self._limits = limits
        self._spans = spans
        self._transport = transport
        self._sender: Sender | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._found: Access | None = None

    async def aclose(self) -> None:
        """Close connections, unless they are those of a client that was given."""
        if self._sender is not None and not isinstance(self._transport, httpx.AsyncClient):
            await self._sender.client.aclose()
        self._sender = None

    def seconds(self, deadline: float | None) -> float:
        """Seconds that a call may take: ``deadline``, and inside a skill no longer than its own caller waits.

        Raises:
            InvalidParams: ``deadline`` is not finite.
            UpstreamDeadline: the time is over already.
        """
        serving = CURRENT.get()
        seconds = self._limits.deadline if deadline is None else deadline
        if not is_number(seconds):
            raise TypeError(f"deadline is a number of seconds, not {deadline!r}")
        if not math.isfinite(seconds):
            raise errors.InvalidParams(f"deadline is a finite number of seconds, not {deadline}: leave it out instead")
        if serving is not None:
            # Without a deadline of its own a child may take what its parent has left.
            left = serving.remaining()
            seconds = left if deadline is None and left != float("inf") else min(seconds, left)
        if seconds <= 0.0:
            raise UpstreamDeadline("the time for this call was over before it was sent", unsent=True)
        return seconds

    def path(self, selector: str, arguments: CallArguments) -> str:
        """The path below a URL of ``Access`` under which a call goes to ``selector``.

        Raises:
            InvalidParams: see ``path_of``.
        """
        return path_of(selector, arguments)

    async def exchange(self, method: Method, request: A2AMessage) -> ClientExchange:
        """The exchange of one request, in the binding that is spoken."""
        return DEFAULT.client(method, payload.payload_of(request), peer="mesh")

    def _access(self) -> Access:
        if self._inside:
            serving = CURRENT.get()
            if serving is not None:
                own = serving.access()
                if own is None:
                    raise errors.Unauthenticated("this agent has not joined a mesh, so its skills cannot call into it")
                return own
        if self._found is None:
            self._found = self._find()
        return self._found

    def _headers(
        self, exchange: ClientExchange, access: Access, seconds: float, more: Mapping[str, str]
    ) -> dict[str, str]:
        serving = CURRENT.get()
        sent = {} if serving is None else serving.outgoing()
        sent["authorization"] = f"Bearer {access.key}"
        sent.update(exchange.request.headers)
        sent["a2a-version"] = PROTOCOL_VERSION
        if seconds != float("inf"):
            sent[headers.DEADLINE] = headers.deadline_text(max(seconds, 0.001))
        sent.update(more)
        return sent

    def _open_sender(self, access: Access) -> Sender:
        if self._sender is not None and not isinstance(self._transport, httpx.AsyncClient):
            self._check_loop()
        if self._sender is None:
            self._loop = asyncio.get_running_loop()
            given = self._transport if self._transport is not None else access.transport
            self._sender = Sender(given if isinstance(given, httpx.AsyncClient) else make_client(given, self._limits))
        return self._sender

    def _check_loop(self) -> None:
        """Let go of connections whose event loop has ended: a program may use one client in several ``asyncio.run``.

        Raises:
            RuntimeError: another event loop, which has not ended, uses this client.
        """
        if self._loop is asyncio.get_running_loop():
            return
        if self._loop is not None and not self._loop.is_closed():
            raise RuntimeError(
                "this client of the mesh is used in another event loop, which still runs: make one Mesh for each loop"
            )
        self._sender = None

    def _span(self, method: Method, sent: dict[str, str]) -> AbstractContextManager[None]:
        return self._spans.calling(method.name, sent) if self._spans is not None else nullcontext()

    @asynccontextmanager
    async def _post(
        self, method: Method, exchange: ClientExchange, path: str, seconds: float, more: Mapping[str, str]
    ) -> AsyncGenerator[httpx.Response, None]:
        access = self._access()
        body = exchange.request.body
        sent = self._headers(exchange, access, seconds, more)
        with self._span(method, sent):
            async with self._open_sender(access).post(access.urls, path, body, sent, safe=method.safe) as response:
                warn_once(path, response.headers.get(headers.DEPRECATED, ""))
                warn_of_deadline(path, response.headers.get(headers.DEADLINE, ""))
                yield response

    async def unary(
        self, method: Method, request: A2AMessage, path: str, seconds: float, more: Mapping[str, str]
    ) -> tuple[Payload, httpx.Headers]:
        """Send a request that has one answer.

        Args:
            seconds: see ``seconds``.
            more: headers beside those that every call has.

        Returns:
            The answer, and the headers that it came with.

        Raises:
            MeshError: see ``meshgate.a2a.errors``.
        """
        waits = seconds + self._limits.grace
        try:
            async with asyncio.timeout(waits):
                exchange = await self.exchange(method, request)
                async with self._post(method, exchange, path, seconds, more) as response:
                    body = await read_body(response, self._limits.answer, waits)
                    return _answer(response, body, exchange), response.headers
        except TimeoutError:
            raise UpstreamDeadline(f"there was no answer within {seconds:g} s") from None

    async def events(
        self, method: Method, request: A2AMessage, path: str, seconds: float, more: Mapping[str, str]
    ) -> AsyncGenerator[Event, None]:
        """Send a request that is answered by a stream, and yield its events.

        Args:
            seconds: see ``seconds``; infinity for as long as there is something to hear.
            more: headers beside those that every call has.

        Raises:
            OutcomeUnknown: the stream broke or was silent, so how the task goes on is not known.
            MeshError: see ``meshgate.a2a.errors``.
        """
        exchange = await self.exchange(method, request)
        ends = asyncio.get_running_loop().time() + seconds + self._limits.grace
        task_id = ""
        async with self._post(method, exchange, path, seconds, more) as response:
            if response.headers.get("content-type", "").partition(";")[0].strip() != "text/event-stream":
                body = await read_body(response, self._limits.answer, self._limits.stream_silence)
                _answer(response, body, exchange)
                raise InvalidAgentResponse("a stream was asked for, and one answer came")
            origin = origin_of(response.headers)
            async for data in self._lines(response, ends):
                try:
                    event = Event(raw=exchange.decode_event(data).view(), **origin)
                except MeshError as error:
                    error.concern(origin["call_id"], origin["job"])
                    raise
                task_id = event.task_id or task_id
                yield event
                if event.final and method is _STREAM:
                    return
            if method is _STREAM:
                raise OutcomeUnknown(_broken_stream(task_id), task=task_id)

    async def stream(
        self, request: SendMessageRequest, path: str, seconds: float, more: Mapping[str, str]
    ) -> AsyncGenerator[Event, None]:
        """Send a message, and yield the events of its answer as they come.

        An agent that does not stream answers with one event, its whole answer: it says so before it has done anything,
        and is sent the message again.

        Args, Raises: see ``events``.
        """
        ends, begun = asyncio.get_running_loop().time() + seconds, False
        try:
            async with aclosing(self.events(_STREAM, request, path, seconds, more)) as events:
                async for event in events:
                    begun = True
                    yield event
        except (errors.UnsupportedOperation, errors.MethodNotFound):
            if begun:
                raise
        else:
            return
        left = self.seconds(ends - asyncio.get_running_loop().time())
        answer, sent = await self.unary(_SEND, request, path, left, more)
        view: SendMessageResponse = answer.view()
        yield Event(raw=StreamResponse(task=view.task, message=view.message), **origin_of(sent))

    async def _lines(self, response: httpx.Response, ends: float) -> AsyncGenerator[bytes, None]:
        parser = SseParser(self._limits.event)
        chunks = response.aiter_bytes()
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(min(self._limits.stream_silence, ends - loop.time())):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if loop.time() >= ends:
                    raise UpstreamDeadline("the call's deadline has passed") from None
                raise OutcomeUnknown(f"the stream was silent for {self._limits.stream_silence:g} s") from None
            except httpx.TransportError:
                raise OutcomeUnknown("the connection broke in the middle of the stream") from None
            for data in parser.feed(chunk):
                yield data


def _broken_stream(task_id: str) -> str:
    goes_on = ": it goes on, and 'subscribe' with its id follows it again" if task_id else ""
    return "the stream ended before its task did" + goes_on


def origin_of(sent: httpx.Headers) -> dict[str, str]:
    """Job, call and instance of an answer, from its headers."""
    return {
        "job": sent.get(headers.JOB, ""),
        "call_id": sent.get(headers.CALL, ""),
        "instance": sent.get(headers.INSTANCE, ""),
    }


_ANSWERED = frozenset({200, 201, 202})
"""Statuses of answers: over HTTP+JSON some agents say what they made."""
_BY_STATUS: dict[int, type[MeshError]] = {
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NoRoute,
    413: errors.BodyTooLarge,
    429: errors.RateLimited,
}


def _answer(response: httpx.Response, body: bytes, exchange: ClientExchange) -> Payload:
    """The event in an answer, or the error in it. Of an answer that no gateway wrote, the HTTP status alone counts."""
    try:
        return _payload(response, body, exchange)
    except MeshError as error:
        error.concern(response.headers.get(headers.CALL, ""), response.headers.get(headers.JOB, ""))
        raise


def _payload(response: httpx.Response, body: bytes, exchange: ClientExchange) -> Payload:
    status = response.status_code
    if status in _ANSWERED:
        return exchange.decode_answer(body)
    error = exchange.decode_error(Failure(status, body))
    if not isinstance(error, InvalidAgentResponse):
        raise error
    cls = _BY_STATUS.get(status, errors.UpstreamUnavailable if status >= 500 else InvalidAgentResponse)
    raise cls(f"{response.url.host} answered with HTTP status {status}, which is no answer of A2A")
