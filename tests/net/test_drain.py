"""A server that leaves: no new connections, and each open one ends with an answer that says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.server import HttpServer, bind
from tests.registry.virtual import until

ASK = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: keep-alive\r\n\r\n"


class Slow:
    """An app that answers once it may."""

    def __init__(self) -> None:
        self.asked, self.may = asyncio.Event(), asyncio.Event()
        self.may.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(app: Slow) -> AsyncGenerator[HttpServer]:
    server = HttpServer(app, bind("127.0.0.1", 0, "--port"), DEFAULTS)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(server: HttpServer) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\nok")


@pytest.mark.requirement("compat.rolling")
async def test_an_idle_connection_is_answered_once_more_and_told_that_it_was_the_last_time() -> None:
    async with serving(Slow()) as server, connected(server) as (reader, writer):
        writer.write(ASK)
        assert b"connection: close" not in await answer(reader)
        server.leave()
        assert server.connections == 1
        writer.write(ASK)
        assert b"connection: close" in await answer(reader)
        assert await reader.read() == b""


@pytest.mark.requirement("compat.rolling")
async def test_what_is_being_answered_is_the_last_on_its_connection() -> None:
    app = Slow()
    async with serving(app) as server, connected(server) as (reader, writer):
        app.may.clear()
        writer.write(ASK)
        await app.asked.wait()
        server.leave()
        app.may.set()
        assert b"HTTP/1.1 200" in await answer(reader)
        assert await reader.read() == b""


@pytest.mark.requirement("compat.rolling")
async def test_a_connection_that_never_asked_may_still_ask_and_a_new_one_is_refused() -> None:
    async with serving(Slow()) as server, connected(server) as (reader, writer):
        await until(lambda: server.connections == 1)
        port = server.port
        server.leave()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        assert b"connection: close" in await answer(reader)
