"""The answer to one HTTP request: a whole one, or a stream of server-sent events with a heartbeat."""

from __future__ import annotations

import asyncio
import math
from collections.abc import MutableMapping
from typing import Any

from meshgate.a2a.bindings import sse
from meshgate.a2a.bindings.base import ServerExchange
from meshgate.a2a.errors import MeshError
from meshgate.a2a.mesh.headers import CALL, JOB
from meshgate.net.asgi import Header, Send, respond, start_message
from meshgate.net.disconnect import CallerLeft

__all__ = ["Answer", "name_call", "refuse"]

_EVENTS: list[Header] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


async def refuse(send: Send, exchange: ServerExchange, error: MeshError, *, unread: float = 0.0) -> None:
    """Answer with an error, in the form and with the status of the exchange's binding.

    Args:
        unread: bytes of the request's body that were not read.
    """
    failure = exchange.encode_error(error)
    status, body = failure.status, failure.body
    headers: list[Header] = [(b"content-type", exchange.media_type.encode())]
    if failure.as_event:
        name_call(error)  # who reads events may not be shown headers
        headers, body = list(_EVENTS), sse.event(exchange.encode_error(error).body, exchange.error_event)
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    for name, text in ((CALL, error.call_id), (JOB, error.job)):
        if text:
            headers.append((name.encode(), text.encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 408:  # The rest of the request may still arrive, and must not be read as the next request.
        headers.append((b"connection", b"close"))
    await respond(send, status, body, headers, unread=math.inf if status == 413 else unread)


def name_call(error: MeshError) -> None:
    """Put the call and the job into an error's metadata, for answers whose headers have gone or do not exist."""
    named = {name: text for name, text in (("call", error.call_id), ("job", error.job)) if text}
    error.metadata = {**error.metadata, **named}


class Answer:
    """The answer to one request. An error takes the form that is still possible.

    Args:
        send: ASGI's.
        heartbeat: seconds after which a quiet stream gets a comment.
    """

    __slots__ = ("_asgi_send", "_exchange", "_heart", "_heartbeat")

    def __init__(self, send: Send, exchange: ServerExchange, heartbeat: float) -> None:
        self._asgi_send = send
        self._exchange = exchange
        self._heartbeat = heartbeat
        self._heart: _Heart | None = None

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._asgi_send(message)
        except OSError:  # ASGI servers raise OSError when the client has disconnected
            raise CallerLeft from None

    async def whole(self, body: bytes, headers: list[Header]) -> None:
        """Send the answer to a unary call."""
        media = (b"content-type", self._exchange.media_type.encode())
        try:
            await self._asgi_send(start_message(200, [media, *headers], body))
            await self._asgi_send({"type": "http.response.body", "body": body})
        except OSError:
            raise CallerLeft from None

    async def start(self, headers: list[Header]) -> None:
        """Begin a stream."""
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_EVENTS, *headers]})
        self._heart = _Heart(self._send, self._heartbeat)

    async def event(self, data: bytes, name: str = "") -> None:
        """Send one event of a stream that has begun."""
        if self._heart is not None:
            await self._heart.send(sse.event(data, name))

    async def end(self) -> None:
        """End a stream."""
        self.stop()
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: MeshError, *, unread: float = 0.0) -> None:
        """Send an error: as the whole answer, or as the last event of a stream that has begun.

        Args:
            unread: bytes of the request's body that were not read.
        """
        if self._heart is None:
            await refuse(self._send, self._exchange, error, unread=unread)
            return
        name_call(error)
        await self.event(self._exchange.encode_error(error).body, self._exchange.error_event)
        await self.end()

    def stop(self) -> None:
        """Stop the heartbeat."""
        if self._heart is not None:
            self._heart.stop()


class _Heart:
    """Sends events, and a comment after each ``pause`` seconds in which nothing was sent.

    One timer runs for the whole stream. It is not reset for each event, which would cost a timer an event: when it
    fires, it computes how long ago the last event was, and waits for the rest.
    """

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
            if not self._sending:  # a slow reader needs no comment, and they must not pile up
                self._beat = asyncio.ensure_future(self._comment())
            quiet = 0.0
        self._timer = self._loop.call_later(self._pause - quiet, self._tick)

    async def _comment(self) -> None:
        try:
            await self.send(sse.HEARTBEAT)
        except CallerLeft:
            self._timer.cancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
