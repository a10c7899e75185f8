"""A client's connection: its requests, and the responses to them.

A response must be whole: one that is cut off is an error (RFC 9112 section 8).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import Any, Protocol, cast

import httptools

__all__ = ["BadCertificate", "Broken", "Connection", "Place", "Pool", "Response", "Unreachable"]

_HEADER_BYTES = 64 * 1024
"""Most bytes of an answer's headers."""
_INTERIM = 8
"""Interim answers (HTTP 1xx) to one request."""
_PROBES = 4
"""Probes of the system's that must stay without an answer before a connection breaks."""
_NO_BODY = frozenset({204, 304})

Place = tuple[str, int, bool | ssl.SSLContext]
"""Host, port, and whether there is TLS, or what it is checked with: the key under which connections are kept."""


class Unreachable(OSError):
    """No connection was made: nothing was sent."""


class BadCertificate(Unreachable):
    """The other end's certificate is not accepted: nothing was sent."""


class Broken(OSError):
    """The connection ended, or the answer is no HTTP: the request may have been read."""


class Pool(Protocol):
    """The interface of a pool, which owns connections."""

    def keep(self, place: Place, connection: Connection) -> None:
        """Keep a connection that is idle."""
        ...

    def forget(self, place: Place, connection: Connection) -> None:
        """Forget a connection that is closed."""
        ...


class Response:
    """An answer whose head is known. Read it to its end, or close it."""

    __slots__ = ("_bytes", "_chunks", "_connection", "_error", "_waiter", "complete", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case; of one that comes twice, the values joined by a comma."""
        self.complete = False
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._bytes = 0
        self._error: Broken | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def content_type(self) -> str:
        """The media type, without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """How many bytes the body has, if the head says it."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdecimal() else None

    async def chunk(self) -> bytes:
        """The next bytes of the body; b"" at its end.

        Raises:
            Broken: the body was cut off.
        """
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.complete:
                return b""
            await self._more()
        found = self._chunks.popleft()
        self._bytes -= len(found)
        self._connection.room(self._bytes)
        return found

    async def read(self) -> bytes:
        """The rest of the body.

        Raises:
            Broken: it was cut off.
        """
        while not self.complete and self._error is None:
            self._connection.room(0)
            await self._more()
        if self._error is not None:
            raise self._error
        found = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._bytes = 0
        return found

    def close(self) -> None:
        """Give the connection back if the answer was read to its end; else drop it."""
        self._connection.done(self)

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Wake the reader."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fed(self, data: bytes) -> int:
        """Add bytes of the body; returns how many wait for the reader."""
        self._chunks.append(data)
        self._bytes += len(data)
        return self._bytes

    def failed(self, error: Broken) -> None:
        """Fail: the rest of the body will not arrive."""
        self._error = error
        self.wake()


class Connection(asyncio.Protocol):
    """One connection, on which one request at a time is under way.

    Args:
        pool: its owner.
        place: its key in the pool.
        buffer: bytes of a body that may wait for their reader.
    """

    def __init__(self, pool: Pool, place: Place, buffer: int) -> None:
        self._pool = pool
        self._place = place
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._response: Response | None = None
        self._head: asyncio.Future[Response] | None = None
        self._header_bytes = self._interim = 0
        self._paused = False
        self._until_eof = False
        self._keep = True
        self.closed = False
        self.idle: object = None

    # -- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        if self._response is None:
            self.drop()  # no request is open
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, Broken) as error:
            own = error.__context__  # what a callback of the parser's raised
            self._fail(own if isinstance(own, Broken) else Broken(f"the answer is no HTTP/1.1: {error}"))
            return
        if self._head is not None and self._response.status and not self._head.done():
            self._head.set_result(self._response)
        self._response.wake()

    def eof_received(self) -> bool:
        """The server has sent its last byte: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed: this ends a body without a length, and fails any other open request."""
        self.closed = True
        self._pool.forget(self._place, self)
        response = self._response
        if response is None or response.complete:
            return
        if exc is None and self._until_eof:
            response.complete = True
            response.wake()
        else:
            self._fail(Broken("the connection was closed before the answer was complete"))

    def _fail(self, error: Broken) -> None:
        response, head = self._response, self._head
        if head is not None and not head.done():
            head.set_exception(error)
        elif response is not None:
            response.failed(error)
        self.drop()

    # -- the parser's side

    def on_message_begin(self) -> None:
        """An answer begins."""
        # Bytes after a whole answer would be taken for the answer to the next request (RFC 9112 11.2): refuse them.
        if self._response is not None and self._response.status:
            raise Broken("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES:
            raise Broken(f"its headers have more than {_HEADER_BYTES} bytes")
        if self._response is not None:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers = self._response.headers
            headers[key] = f"{headers[key]},{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """All headers came."""
        response = self._response
        status = int(self._parser.get_status_code())
        if response is None or status < 200:
            return
        headers = response.headers
        self._keep = bool(self._parser.should_keep_alive())
        framed = "content-length" in headers or "transfer-encoding" in headers or status in _NO_BODY
        self._until_eof = not framed
        response.status = status

    def on_body(self, data: bytes) -> None:
        """A piece of the body came."""
        response = self._response
        if response is not None and response.fed(data) > self._buffer and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """An answer is whole."""
        response = self._response
        if response is None:
            return
        if response.status:
            response.complete = True
        else:
            response.headers.clear()  # an interim answer (RFC 9110 15.2): the real one follows
            self._interim += 1
            if self._interim > _INTERIM:
                raise Broken(f"more than {_INTERIM} interim answers")

    # -- the pool's side

    def probe(self, lost: int) -> None:
        """Let the system ask now and then whether the other end is still there: a peer that lost its power, or a route,
        says nothing, and an open stream would wait for it. Systems without these options keep their own times.

        Args:
            lost: seconds after which the connection breaks if nothing answers.
        """
        found = self._transport.get_extra_info("socket") if self._transport is not None else None
        if found is None:
            return
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        first = max(1, lost // 3)
        pause = max(1, (lost - first) // _PROBES)
        for name, value in (("TCP_KEEPIDLE", first), ("TCP_KEEPINTVL", pause), ("TCP_KEEPCNT", _PROBES)):
            if hasattr(socket, name):
                found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def ask(self, data: bytes) -> Response:
        """Send one request; the response once its head is there."""
        transport = self._transport
        if transport is None or self.closed:
            raise Unreachable("the connection is closed")
        # A new parser for each answer, so that no state of one answer can affect the next.
        self._parser = httptools.HttpResponseParser(self)
        self._response = response = Response(self)
        self._head = asyncio.get_running_loop().create_future()
        self._header_bytes = self._interim = 0
        transport.write(data)
        try:
            await self._head
        except BaseException:
            self.drop()
            raise
        return response

    def room(self, waiting: int) -> None:
        """Resume reading once few enough bytes wait; ``waiting`` bytes are left."""
        if self._paused and waiting <= self._buffer // 2 and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()

    def done(self, response: Response) -> None:
        """Release the connection from ``response``: keep it if the answer was read to its end, else close it."""
        if response is not self._response:
            return
        clean = response.complete and self._keep and not self._paused and not self.closed and not self._until_eof
        self._response = self._head = None
        if clean:
            self._pool.keep(self._place, self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection at once."""
        self.closed = True
        self._pool.forget(self._place, self)
        if self._transport is not None:
            self._transport.abort()
