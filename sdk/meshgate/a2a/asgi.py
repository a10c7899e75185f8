"""The JSON-RPC binding as an ASGI endpoint, for gateway and agents alike. No sockets here: the server is uvicorn's.

What stands between bytes and a handler: limits before any parse, disconnects, heartbeats, and closing every reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any

import structlog

from meshgate.a2a import jsonrpc, sse
from meshgate.a2a.call import Call, Handler
from meshgate.a2a.defaults import DEFAULTS, Limits
from meshgate.a2a.errors import (
    BodyTimeout,
    BodyTooLarge,
    HeadersTooLarge,
    InternalError,
    InvalidRequest,
    MeshError,
    UnsupportedMediaType,
)
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector
from meshgate.a2a.version import check_version

__all__ = ["JsonRpcEndpoint", "Receive", "Scope", "Send", "read_body", "read_headers", "respond"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)

_JSON = (b"content-type", b"application/json")
_WATCH_AFTER = 0.02
"""Seconds after which a unary call is worth a task that notices its caller leaving."""


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


async def read_body(headers: Mapping[str, str], receive: Receive, limits: Limits = DEFAULTS) -> bytes:
    """The request's body.

    Raises:
        BodyTooLarge, BodyTimeout, UnsupportedMediaType: before more than the limit was read.
    """
    if "content-encoding" in headers:
        raise UnsupportedMediaType("a compressed body is not taken: leave Content-Encoding out")
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > limits.body):
        raise BodyTooLarge(f"a request body may have {limits.body} bytes")
    if length == "0":
        return b""
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read_all(receive, limits.body)
    except TimeoutError:
        raise BodyTimeout(f"the request body did not arrive within {limits.body_seconds:g} s") from None


async def _read_all(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return _within(body, limit)
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLarge(f"a request body may have {limit} bytes")
    if message["type"] == "http.disconnect":
        raise asyncio.CancelledError
    return b"".join(chunks)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BodyTooLarge(f"a request body may have {limit} bytes")
    return body


async def respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send one whole answer; JSON unless ``headers`` name another content type."""
    sent = headers or []
    if not any(name == b"content-type" for name, _ in sent):
        sent = [_JSON, *sent]
    sent = [*sent, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


def _head(reply: Reply) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.head.headers.items()]


class JsonRpcEndpoint:
    """Serves JSON-RPC requests on one handler.

    Args:
        handler: takes each call.
        limits: sizes and times; ``heartbeat`` is the pause between comments on a quiet stream.
    """

    def __init__(self, handler: Handler, limits: Limits = DEFAULTS) -> None:
        self._handler = handler
        self._limits = limits

    async def __call__(
        self, headers: Mapping[str, str], receive: Receive, send: Send, target: Selector | None, version: str = ""
    ) -> None:
        """Answer one request. ``version`` is what the query string says, for clients that cannot set headers."""
        rpc_id: jsonrpc.RpcId = None
        parsed = False
        try:
            media = headers.get("content-type", "").partition(";")[0].strip().lower()
            if media not in ("application/json", "application/a2a+json"):
                raise UnsupportedMediaType("send Content-Type: application/json")
            envelope = jsonrpc.decode_envelope(await read_body(headers, receive, self._limits))
            rpc_id, parsed = envelope.id, True
            check_version(headers, version)
            call = jsonrpc.decode_call(envelope, headers, target)
            await self._answer(rpc_id, call, receive, send)
        except MeshError as error:
            await refuse(send, error, rpc_id, parsed=parsed)
        except Exception:
            log.exception("call_failed")
            await refuse(send, InternalError(), rpc_id, parsed=parsed)

    async def _answer(self, rpc_id: jsonrpc.RpcId, call: Call, receive: Receive, send: Send) -> None:
        leaving = _Leaving(receive)
        try:
            reply = await self._handler(call)
            async with aclosing(reply):
                if call.method.streaming:
                    await self._stream(rpc_id, reply, leaving, send)
                    return
                event = await anext(reply)
        except asyncio.CancelledError:
            if not leaving.gone:
                raise
            return  # nobody is left to answer
        finally:
            leaving.stop()
        await respond(send, 200, jsonrpc.encode_result(rpc_id, event), [_JSON, *_head(reply)])

    async def _stream(self, rpc_id: jsonrpc.RpcId, reply: Reply, leaving: _Leaving, send: Send) -> None:
        first = await anext(reply)
        leaving.watch()
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers + _head(reply)})
        heart = _Heart(send, self._limits.heartbeat)
        try:
            await heart.send(sse.event(jsonrpc.encode_result(rpc_id, first)))
            async for event in reply:
                await heart.send(sse.event(jsonrpc.encode_result(rpc_id, event)))
        except MeshError as error:
            await heart.send(sse.event(jsonrpc.encode_error(rpc_id, error)))
        except Exception:
            log.exception("stream_failed")
            await heart.send(sse.event(jsonrpc.encode_error(rpc_id, InternalError())))
        finally:
            heart.stop()
        await send({"type": "http.response.body", "body": b""})


async def refuse(send: Send, error: MeshError, rpc_id: jsonrpc.RpcId = None, *, parsed: bool = False) -> None:
    """Answer with an error. What is refused before it was parsed has an HTTP status of its own."""
    status = jsonrpc.HTTP_STATUS.get(error.code, 200 if parsed else 500)
    headers: list[tuple[bytes, bytes]] = [_JSON]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    await respond(send, status, jsonrpc.encode_error(rpc_id, error), headers)


class _Leaving:
    """Cancels the task that serves a call when its caller disconnects.

    Watching costs a task, so it starts only for calls that are still running after a moment.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._serving = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(_WATCH_AFTER, self.watch)
        self.gone = False

    def watch(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._serving is not None:
            self._serving.cancel()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()


class _Heart:
    """Sends events, and a comment whenever nothing was sent for ``pause`` seconds."""

    def __init__(self, send: Send, pause: float) -> None:
        self._send = send
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._sent = self._loop.time()
        self._beat: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(pause, self._tick)

    async def send(self, data: bytes) -> None:
        self._sent = self._loop.time()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def _tick(self) -> None:
        quiet = self._loop.time() - self._sent
        if quiet >= self._pause:
            self._beat = asyncio.ensure_future(self.send(sse.HEARTBEAT))
            quiet = 0.0
        self._timer = self._loop.call_later(self._pause - quiet, self._tick)

    def stop(self) -> None:
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
