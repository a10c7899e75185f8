"""Who gets push notifications in tests, without a network and on one of this machine's ports, and what feeds them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.destination import Destinations
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.push.sender import PushSender
from tests.support.patience import patience

__all__ = ["HOOK", "PUBLIC", "Heard", "Listener", "Receiver", "known", "listening", "make_feeds", "make_sender"]

PUBLIC = "93.184.215.14"
HOOK = "https://hook.example/a?b=c"


async def known(host: str, _port: int) -> list[str]:
    """Find one public address, for names that end in ``.example`` alone."""
    if not host.endswith(".example"):
        raise OSError(f"no such host: {host}")
    return [PUBLIC]


class Receiver(httpx.AsyncBaseTransport):
    """Keeps each request, and answers with the statuses of a list in turn, then with 200. An error in it is raised.

    Args:
        answer: awaited before each answer.
    """

    def __init__(
        self, *statuses: int | Exception, answer: Callable[[httpx.Request], Awaitable[None]] | None = None
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.heard = asyncio.Event()
        self._statuses = list(statuses)
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        self.heard.set()
        if self._answer is not None:
            await self._answer(request)
        status = self._statuses.pop(0) if self._statuses else 200
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status)

    @property
    def bodies(self) -> list[Any]:
        """What was sent, in order."""
        return [msgspec.json.decode(request.content) for request in self.requests]


@dataclass(frozen=True)
class Heard:
    """A request that came over a socket."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """An HTTP server on a port of this machine's.

    Args:
        answer: what it answers to all requests, in bytes.
        endless: what it then goes on to send for ever.
    """

    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    endless: bytes = b""
    url: str = ""
    heard: list[Heard] = field(default_factory=list[Heard])
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed its connection."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> list[Heard]:
        """The requests, once there are as many."""
        async with asyncio.timeout(patience(30.0)):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            named = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in named}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.heard.append(Heard(head[0], headers, body))
            self._news.set()
            writer.write(self.answer)
            while self.endless:
                writer.write(self.endless)
                await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def listening(
    answer: bytes = Listener.answer, endless: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Listener, None]:
    """A listener that runs."""
    listener = Listener(answer, endless)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    listener.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield listener
    finally:
        server.close()


def make_sender(receiver: httpx.AsyncBaseTransport | None = None, limits: Limits = DEFAULTS) -> PushSender:
    """A sender to a receiver, on the loop's time."""
    clock = asyncio.get_running_loop().time
    return PushSender(Destinations((), known), Metrics(), limits, clock, receiver or Receiver())


def make_feeds(receiver: httpx.AsyncBaseTransport | None = None, limits: Limits = DEFAULTS) -> Feeds:
    """Feeds of a gateway whose notifications go to a receiver, on the loop's time."""
    return Feeds(make_sender(receiver, limits), asyncio.get_running_loop().time, asyncio.sleep, limits)
