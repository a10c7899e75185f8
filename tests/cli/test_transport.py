"""The transport of one call: what httpx asks for arrives, and what fails fails as httpx says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from meshgate.cli.transport import OneCall

pytestmark = pytest.mark.requirement("cli.startup")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A client with the transport, and the address of a server that is not ours."""
    ends: list[asyncio.Future[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ends.append(ended)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            ended.set_result(None)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(transport=OneCall(), trust_env=False) as client:
        yield client, f"http://127.0.0.1:{port}"
        await asyncio.gather(*ends)


async def request_of(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    size = next(
        (int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0
    )
    return head, await reader.readexactly(size)


async def test_a_request_and_its_answer_arrive_whole_on_one_connection() -> None:
    seen: list[tuple[str, bytes]] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            seen.append(await request_of(reader))
            writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\nx-one: a\r\nx-one: b\r\n\r\nhello")

    async with served(serve) as (client, url):
        for _ in range(2):
            answer = await client.post(f"{url}/a?b=c", content=b"body", headers={"x-two": "d"})
            assert (answer.status_code, answer.text, answer.headers["x-one"]) == (201, "hello", "a,b")
    head, body = seen[0]
    assert (connections, body) == (1, b"body")
    assert head.startswith("POST /a?b=c HTTP/1.1\r\n")
    assert head.lower().count("content-length:") == head.lower().count("host:") == 1
    assert "x-two: d\r\n" in head


async def test_a_stream_is_read_as_it_comes_and_closed_by_its_reader() -> None:
    more, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n")
        await reader.read()
        closed.set()

    async with served(serve) as (client, url):
        async with client.stream("POST", url, content=b"x") as answer:
            parts = answer.aiter_bytes()
            assert await anext(parts) == b"one"
            more.set()
            assert await anext(parts) == b"two"
        await closed.wait()


async def test_a_connection_that_breaks_and_one_that_is_never_made_are_told_apart() -> None:
    async def none(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")

    async with served(none) as (client, url):
        with pytest.raises(httpx.ReadError):
            await client.post(url, content=b"x")
    async with served(half) as (client, url):
        with pytest.raises(httpx.ReadError):
            await client.post(url, content=b"x")
    async with httpx.AsyncClient(transport=OneCall(), trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(url, content=b"x")
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.post("ftp://127.0.0.1/", content=b"x")
