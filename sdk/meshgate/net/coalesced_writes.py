"""What uvicorn does not do for a connection: coalesced writes, and a close that waits for a caller who still sends.

uvicorn writes an answer's head and body apart, which costs two system calls and two packets. And it closes at once
after an answer with ``connection: close``; if bytes of the request have not been read, that resets the connection, and
the caller loses the answer (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from meshgate.a2a.limits import DEFAULTS

__all__ = ["CoalescedWrites", "CoalescedWritesProtocol"]

_HEAD = b"HTTP/1.1 "
_TOO_LARGE = b"HTTP/1.1 413 "
_LINGER = 2.0
"""Seconds that a caller which is still sending has to read the answer."""
_DROPPED = 2 * DEFAULTS.body
"""Largest body, by its Content-Length, that is read to its end and dropped, so that a caller who sends it whole first
reads the answer. Of a larger one no more is read: its caller reads the answer while it sends, or is cut off. A body in
chunks, whose end nobody knows, is read up to half of this, and not at all once it was found to be too large.
"""
_FRAMING = 64 * 1024
"""Bytes that the sizes of its chunks may take in a body of that size."""


class CoalescedWrites:
    """A transport that holds a head back until its body follows, or until the event loop's next pass.

    Args:
        transport: what it writes to; everything but writing and closing is the transport's own.
        rest: None if the caller is not sending a request any more. Else closing ends the own half of the connection
            alone, for ``_LINGER`` seconds at most, in which so many bytes that still come are read and dropped. It gets
            the answer's head.
    """

    __slots__ = ("_head", "_held", "_lingers", "_loop", "_rest", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        rest: Callable[[bytes], int | None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._rest = rest
        self._held = self._head = b""
        self._lingers = False

    def write(self, data: bytes) -> None:
        """Write now, together with what is held; a head that comes alone is held until the loop's next pass."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = self._head = data
            self._loop.call_soon(self.flush)
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Write what is held, and close: at once, or a moment later if the caller is still sending."""
        self.flush()
        transport = self._transport
        rest = None if self._lingers else self._rest(self._head)
        if rest is None or not transport.can_write_eof():
            transport.close()
            return
        self._lingers = True
        transport.set_protocol(_Dropping(transport, rest, self._loop))
        transport.write_eof()
        if rest:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._lingers or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Dropping(asyncio.Protocol):
    """Takes the place of a connection's protocol once the answer is sent: what still comes is not looked at."""

    def __init__(self, transport: asyncio.Transport, rest: int, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._before = cast("asyncio.Protocol", transport.get_protocol())
        self._left = rest
        self._end = loop.call_later(_LINGER, transport.close)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            # To reset the connection would take the answer from a caller who has not read it yet.
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._before.pause_writing()

    def resume_writing(self) -> None:
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()  # or it would hold what belonged to the connection
        self._before.connection_lost(exc)


class CoalescedWritesProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a coalescing transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened."""
        super().connection_made(CoalescedWrites(transport, self.loop, self._rest))  # type: ignore[arg-type]

    def _rest(self, head: bytes) -> int | None:
        """Bytes that are read and dropped of the request that a caller is still sending; None if there is none. What
        came of it is let go.
        """
        asked = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if asked is None or not asked.more_body:
            return None
        asked.body = bytearray()
        length = next((text for name, text in self.headers if name == b"content-length"), b"")
        if not length.isdigit():
            return 0 if head.startswith(_TOO_LARGE) else _DROPPED // 2 + _FRAMING
        # No more than that can come, so its end is the caller's.
        return int(length) if int(length) <= _DROPPED else 0

    def leave(self) -> None:
        """Close after the answer to the open request, or else to the next one, with ``connection: close``."""
        asked = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if asked is not None and not asked.response_complete:
            asked.keep_alive = False
        self.app = _closing(self.app)


def _closing(app: Any) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def last(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, last)

    return answer
