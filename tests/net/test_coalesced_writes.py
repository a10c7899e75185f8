"""Head and body of an answer leave in one write."""

from __future__ import annotations

import asyncio
from typing import Any

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.coalesced_writes import CoalescedWrites
from meshgate.net.server import HttpServer, bind

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.written


async def test_a_head_leaves_with_the_body_that_follows() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.write(b"body")
    joined.write(b"more")
    await asyncio.sleep(0)
    assert wire.written == [HEAD + b"body", b"more"]


async def test_a_head_that_nothing_follows_leaves_on_the_next_pass() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    assert wire.written == []
    await asyncio.sleep(0)
    assert wire.written == [HEAD]


async def test_closing_loses_nothing() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.close()
    assert wire.written == [HEAD, b"closed"]
    assert joined.is_closing()


async def test_a_server_answers_a_client_that_waits_between_head_and_body() -> None:
    released = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await released.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    server = HttpServer(app, bind("127.0.0.1", 0, "--port"), DEFAULTS)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    released.set()
    assert await reader.readexactly(2) == b"ok"
    writer.close()
    await server.stop()
