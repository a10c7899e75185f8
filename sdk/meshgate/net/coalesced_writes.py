"""Coalesced writes: uvicorn writes an answer's head and body apart, which costs two system calls and two packets."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["CoalescedWrites", "CoalescedWritesProtocol"]

_HEAD = b"HTTP/1.1 "


class CoalescedWrites:
    """A transport that holds a head back until its body follows, or until the event loop's next pass.

    Args:
        transport: what it writes to; everything but writing and closing is the transport's own.
    """

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Write now, together with what is held; a head that comes alone is held until the loop's next pass."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self.flush)
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Write what is held, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescedWritesProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a coalescing transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened."""
        super().connection_made(CoalescedWrites(transport, self.loop))  # type: ignore[arg-type]

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
