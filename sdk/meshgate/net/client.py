"""An HTTP/1.1 client on kept connections, for many open calls: one write for a request, one parse for its answer.

It has no redirects, cookies, proxies or decompression, and sends nothing twice.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.connection import BadCertificate, Connection, Place, Response, Unreachable
from meshgate.net.timer_queue import TimerQueue

__all__ = ["BadUrl", "HttpClient", "Origin", "parse_url"]

_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods whose requests have no body if they have no Content-Length."""


class BadUrl(ValueError):
    """The URL is no HTTP URL that can be called."""


class Origin(msgspec.Struct, frozen=True):
    """A parsed URL: where to connect, and the first lines of a request to it."""

    host: str
    port: int
    tls: bool
    target: str
    """Path and query."""
    authority: str

    @property
    def place(self) -> Place:
        """The key under which connections are kept."""
        return self.host, self.port, self.tls


@functools.lru_cache(maxsize=4096)
def parse_url(url: str) -> Origin:
    """Parse ``url``.

    Raises:
        BadUrl: it is not absolute, not http or https, or holds a character that no request line may hold.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl(f"{url[:200]!r} holds a character that no URL may hold")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"{url[:200]!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadUrl(f"{url[:200]!r} is no http:// or https:// URL with a host and without a user")
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.hostname, port or (443 if tls else 80), tls, target, parts.netloc)


class HttpClient:
    """A pool of connections without an upper bound: its users bound their open calls.

    Args:
        connect: seconds to connect in, all addresses of a name together.
        keep: seconds an idle connection is kept.
        buffer: bytes of a body that may wait for their reader before the sender is slowed down.
        lost: seconds after which a connection breaks whose other end is gone without a word; whole seconds.
    """

    def __init__(self, *, connect: float, keep: float, buffer: int, lost: int = DEFAULTS.agent_lost) -> None:
        self._connect = connect
        self._lost = lost
        self._buffer = buffer
        self._idle: dict[Place, list[Connection]] = {}
        self._idling = TimerQueue(keep)
        self._open: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        tls: ssl.SSLContext | None = None,
    ) -> Response:
        """Send a request; the response once its head is there. Its reader closes it.

        Args:
            method: HTTP's method. A GET or DELETE without a body has no Content-Length.
            tls: what to check the other end's certificate with, over https; the system's authorities if left out.

        Raises:
            BadUrl, ValueError: the URL, or a header with a line break: nothing was sent.
            Unreachable: nothing was sent; a ``BadCertificate`` says what is wrong with the certificate.
            Broken: the request may have been read.
        """
        origin = parse_url(url)
        length = len(body) if body or method not in _BODILESS else None
        data = _request(method, origin, headers, length) + body
        return await (await self._connection(origin, tls)).ask(data)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Coroutine[Any, Any, Response]:
        """A request with a body."""
        return self.request("POST", url, headers, body)

    def get(
        self, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> Coroutine[Any, Any, Response]:
        """A request without a body."""
        return self.request("GET", url, headers, tls=tls)

    async def aclose(self) -> None:
        """Drop all connections."""
        for connection in list(self._open):
            connection.drop()

    # -- connections

    async def _connection(self, origin: Origin, tls: ssl.SSLContext | None) -> Connection:
        place: Place = origin.place
        if tls is not None and origin.tls:
            place = (origin.host, origin.port, tls)
        idle = self._idle.get(place)
        while idle:
            found = idle.pop()
            self._idling.stop(found.idle)
            if not found.closed:
                return found
        return await self._open_one(place)

    async def _open_one(self, place: Place) -> Connection:
        host, port, tls = place
        if tls is True and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        context = self._tls if tls is True else tls or None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect):
                _, connection = await loop.create_connection(
                    lambda: Connection(self, place, self._buffer), host, port, ssl=context
                )
        except TimeoutError:
            raise Unreachable(f"no connection within {self._connect:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise BadCertificate(f"its certificate is not accepted: {error.verify_message}") from None
        except (OSError, UnicodeError) as error:
            raise Unreachable(str(error)) from None
        self._open.add(connection)
        connection.probe(self._lost)
        return connection

    def keep(self, place: Place, connection: Connection) -> None:
        """Keep an idle connection for its next request, at most ``keep`` seconds."""
        connection.idle = self._idling.start(connection.drop)
        self._idle.setdefault(place, []).append(connection)

    def forget(self, place: Place, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        if connection.idle is not None:
            self._idling.stop(connection.idle)
            idle = self._idle.get(place, [])
            if connection in idle:
                idle.remove(connection)
            if not idle:
                self._idle.pop(place, None)


def _request(method: str, origin: Origin, headers: Mapping[str, str], length: int | None) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    # More line breaks than headers mean that a value held one: header injection.
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header may not hold a line break")
    size = "" if length is None else f"content-length: {length}\r\n"
    return f"{method} {origin.target} HTTP/1.1\r\nhost: {origin.authority}\r\n{size}{lines}\r\n".encode("latin-1")
