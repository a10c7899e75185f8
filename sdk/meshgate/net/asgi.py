"""The JSON-RPC binding as an ASGI endpoint, for gateway and agents alike. No sockets here: the server is uvicorn's.

What stands between bytes and a handler: limits before any parse, disconnects, heartbeats, and closing every reply.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any

import msgspec
import structlog

from meshgate.a2a.bindings import jsonrpc, sse
from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import (
    BodyTimeout,
    BodyTooLarge,
    HeadersTooLarge,
    InternalError,
    InvalidAgentResponse,
    InvalidRequest,
    MeshError,
    UnsupportedMediaType,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.protocol_version import check_version
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector
from meshgate.net.timer_queue import TimerQueue

__all__ = ["JsonRpcEndpoint", "Receive", "Scope", "Send", "read_body", "read_headers", "refuse", "respond"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)

_JSON = (b"content-type", b"application/json")
_EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
_LENGTH_DIGITS = 19
_LINGER = 0.5
"""Seconds for a caller that is still sending to read that its body is refused."""
_WATCH_AFTER = 0.02
"""Seconds after which a call is worth a task that notices its caller leaving."""


def read_headers(scope: Scope, limits: Limits = DEFAULTS) -> dict[str, str]:
    """A request's headers, names in lower case, values of a repeated one joined by a comma.

    Raises:
        HeadersTooLarge: too many, or too large together.
        InvalidRequest: a name holds an underscore, which some servers take for a dash.
    """
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    if len(raw) > limits.header_count:
        raise HeadersTooLarge(f"a request may have {limits.header_count} headers")
    headers: dict[str, str] = {}
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
        key = name.decode("latin-1")
        headers[key] = f"{headers[key]},{value.decode('latin-1')}" if key in headers else value.decode("latin-1")
    if size > limits.header_bytes:
        raise HeadersTooLarge(f"a request's headers may have {limits.header_bytes} bytes together")
    if any("_" in name for name in headers):
        raise InvalidRequest("a header name may not hold an underscore")
    return headers


async def read_body(
    headers: Mapping[str, str], receive: Receive, limits: Limits = DEFAULTS, patience: TimerQueue | None = None
) -> bytes:
    """The request's body.

    ``patience``: timeouts of ``limits.body_seconds``, for who reads many.

    Raises:
        BodyTooLarge, BodyTimeout, UnsupportedMediaType: before more than the limit and one chunk was read.
        InvalidRequest: Content-Length is no number.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("a compressed body is not taken: leave Content-Encoding out")
    length = headers.get("content-length", "")
    if length and not (length.isascii() and length.isdecimal()):
        raise InvalidRequest("Content-Length is no number")
    if len(length) > _LENGTH_DIGITS or int(length or "0") > limits.body:
        raise BodyTooLarge(f"a request body may have {limits.body} bytes")
    if length == "0":
        return b""
    try:
        with (patience or TimerQueue(limits.body_seconds)).within():
            return await _read_all(receive, limits.body)
    except TimeoutError:
        raise BodyTimeout(f"the request body did not arrive within {limits.body_seconds:g} s") from None


async def _read_all(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyTimeout("the caller left before its request was complete")
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"a request body may have {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks) if len(chunks) > 1 else chunks[0]


async def respond(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None, *, linger: float = 0.0
) -> None:
    """Send one whole answer; JSON unless ``headers`` name another content type.

    ``linger``: seconds that the connection stays open after it.
    """
    sent = headers or []
    if not any(name == b"content-type" for name, _ in sent):
        sent = [_JSON, *sent]
    sent = [*sent, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    if linger:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(linger)
        body = b""
    await send({"type": "http.response.body", "body": body})


def _head(reply: Reply) -> list[tuple[bytes, bytes]]:
    # Some servers write a line break in a value as it is; what no header can carry is left out.
    sent = reply.head.headers.items()
    return [
        (name.encode("ascii"), value.encode("ascii")) for name, value in sent if value.isascii() and value.isprintable()
    ]


class JsonRpcEndpoint:
    """Serves JSON-RPC requests on one handler.

    Args:
        handler: takes each call.
        limits: sizes and times; ``heartbeat`` is the pause between comments on a quiet stream.
    """

    def __init__(self, handler: Handler, limits: Limits = DEFAULTS) -> None:
        self._handler = handler
        self._limits = limits
        self._patience = TimerQueue(limits.body_seconds)
        self._moments = TimerQueue(_WATCH_AFTER)

    async def __call__(
        self, headers: Mapping[str, str], receive: Receive, send: Send, target: Selector | None, version: str = ""
    ) -> None:
        """Answer one request. ``version`` is what the query string says, for clients that cannot set headers."""
        answer, leaving = _Answer(send, self._limits.heartbeat), _Leaving(receive, self._moments)
        try:
            await self._serve(answer, leaving, _Request(headers, receive, target, version))
        except _Left:
            return
        except asyncio.CancelledError:
            if not leaving.cancelled():
                raise
        finally:
            leaving.stop()
            answer.stop()

    async def _serve(self, answer: _Answer, leaving: _Leaving, request: _Request) -> None:
        try:
            call = await self._read(answer, request)
            leaving.start()
            reply = await self._handler(call)
            async with aclosing(reply):
                if call.method.streaming:
                    await self._stream(answer, reply)
                    return
                event = jsonrpc.encode_result(answer.rpc_id, await reply.answer())
            await answer.whole(event, _head(reply))
        except MeshError as error:
            await answer.fail(error)
        except _Left:
            raise
        except Exception:
            log.exception("call_failed")
            await answer.fail(InternalError())

    async def _read(self, answer: _Answer, request: _Request) -> Call:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in ("application/json", "application/a2a+json"):
            raise UnsupportedMediaType("send Content-Type: application/json")
        body = await read_body(request.headers, request.receive, self._limits, self._patience)
        envelope = jsonrpc.decode_envelope(body, self._limits)
        answer.rpc_id, answer.parsed = envelope.id, True
        check_version(request.headers, request.version)
        return jsonrpc.decode_call(envelope, request.headers, request.target)

    async def _stream(self, answer: _Answer, reply: Reply) -> None:
        first = await anext(reply, None)
        if first is None:
            raise InvalidAgentResponse("the agent's stream has no event")
        data = jsonrpc.encode_result(answer.rpc_id, first)
        await answer.start(_head(reply))
        await answer.event(data)
        async for event in reply:
            await answer.event(jsonrpc.encode_result(answer.rpc_id, event))
        await answer.end()


async def refuse(send: Send, error: MeshError, rpc_id: jsonrpc.RpcId = None, *, parsed: bool = False) -> None:
    """Answer with an error. What is refused before it was parsed has an HTTP status of its own."""
    status = jsonrpc.http_status(error, parsed=parsed)
    headers: list[tuple[bytes, bytes]] = [_JSON]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    unread = status in (408, 413)
    if unread:
        headers.append((b"connection", b"close"))
    # Closing a connection with unread bytes resets it, and the caller loses the answer (RFC 9112 9.6).
    await respond(send, status, jsonrpc.encode_error(rpc_id, error), headers, linger=_LINGER if status == 413 else 0.0)


class _Left(Exception):
    """The caller is gone; there is nobody to tell anything."""


class _Request(msgspec.Struct):
    headers: Mapping[str, str]
    receive: Receive
    target: Selector | None
    version: str


class _Answer:
    """One answer on its way: a whole one, or a stream. An error takes the form that is still possible."""

    def __init__(self, send: Send, heartbeat: float) -> None:
        self.rpc_id: jsonrpc.RpcId = None
        self.parsed = False
        self._asgi_send = send
        self._heartbeat = heartbeat
        self._heart: _Heart | None = None

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._asgi_send(message)
        except OSError:  # how ASGI says that the client has disconnected
            raise _Left from None

    async def whole(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        await respond(self._send, 200, body, [_JSON, *headers])

    async def start(self, headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_EVENTS, *headers]})
        self._heart = _Heart(self._send, self._heartbeat)

    async def event(self, data: bytes) -> None:
        if self._heart is not None:
            await self._heart.send(sse.event(data))

    async def end(self) -> None:
        self.stop()
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: MeshError) -> None:
        if self._heart is None:
            await refuse(self._send, error, self.rpc_id, parsed=self.parsed)
            return
        await self.event(jsonrpc.encode_error(self.rpc_id, error))
        await self.end()

    def stop(self) -> None:
        if self._heart is not None:
            self._heart.stop()


class _Leaving:
    """Cancels the task that serves a call when its caller disconnects.

    Watching costs a task, so it starts only for calls that are still running after a moment.
    """

    def __init__(self, receive: Receive, moments: TimerQueue) -> None:
        self._receive = receive
        self._moments = moments
        self._moment: object = None
        self._serving: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def start(self) -> None:
        self._serving = asyncio.current_task()
        self._moment = self._moments.start(self._watch)

    def _watch(self) -> None:
        self._watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._serving is not None:
            self._serving.cancel()

    def cancelled(self) -> bool:
        """Whether the cancellation that was just caught is this one's; if so, it is settled."""
        if self._gone and self._serving is not None:
            return self._serving.uncancel() == 0
        return False

    def stop(self) -> None:
        self._moments.stop(self._moment)
        if self._watcher is not None:
            self._watcher.cancel()


class _Heart:
    """Sends events, and a comment whenever nothing was sent for ``pause`` seconds."""

    def __init__(self, send: Send, pause: float) -> None:
        self._send = send
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._sent = self._loop.time()
        self._sending = 0
        self._beat: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(pause, self._tick)

    async def send(self, data: bytes) -> None:
        self._sent = self._loop.time()
        self._sending += 1
        try:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            self._sending -= 1

    def _tick(self) -> None:
        quiet = self._loop.time() - self._sent
        if quiet >= self._pause:
            if not self._sending:  # a reader that is behind needs no comment, and they must not pile up
                self._beat = asyncio.ensure_future(self._comment())
            quiet = 0.0
        self._timer = self._loop.call_later(self._pause - quiet, self._tick)

    async def _comment(self) -> None:
        try:
            await self.send(sse.HEARTBEAT)
        except _Left:
            self._timer.cancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
