"""Head and body of an answer leave in one write."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import Any

import pytest

from meshgate.a2a.errors import BodyTooLarge
from meshgate.a2a.limits import DEFAULTS
from meshgate.net.asgi import read_body, read_headers, respond
from meshgate.net.coalesced_writes import CoalescedWrites
from meshgate.net.server import HttpServer, bind
from tests.support.patience import patience
from tests.support.virtual_loop import virtual_time

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.half, self.reads = True, False
        self.protocol: Any = asyncio.Protocol()

    def write(self, data: Any) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.written

    def can_write_eof(self) -> bool:
        return self.half

    def write_eof(self) -> None:
        self.written.append(b"half closed")

    def abort(self) -> None:
        self.written.append(b"reset")

    def resume_reading(self) -> None:
        self.reads = True

    def pause_reading(self) -> None:
        self.reads = False

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol


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


@pytest.mark.requirement("edge.skipped")
@virtual_time
async def test_a_caller_that_still_sends_has_two_seconds_before_its_connection_is_closed() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop(), lambda _: 1_000)
    joined.write(HEAD)
    joined.close()
    assert (wire.written, wire.reads, joined.is_closing()) == ([HEAD, b"half closed"], True, True)
    wire.protocol.data_received(bytes(999))
    await asyncio.sleep(1.999)
    assert (wire.written, wire.reads) == ([HEAD, b"half closed"], True)
    await asyncio.sleep(0.002)
    assert wire.written[2:] == [b"closed"]


@pytest.mark.requirement("edge.skipped")
@pytest.mark.parametrize("rest", [0, 1_000])
@virtual_time
async def test_of_a_caller_that_sends_more_no_more_is_read_and_it_still_has_two_seconds(rest: int) -> None:
    wire = Wire()
    wire.reads = True
    joined = CoalescedWrites(wire, asyncio.get_running_loop(), lambda _: rest)
    joined.close()
    if rest:
        wire.protocol.data_received(bytes(rest))
    assert (wire.written, wire.reads) == ([b"half closed"], False)
    await asyncio.sleep(1.999)
    assert wire.written == [b"half closed"]
    await asyncio.sleep(0.002)
    assert wire.written[1:] == [b"closed"]


@pytest.mark.requirement("edge.skipped")
@virtual_time
async def test_a_caller_that_has_gone_is_held_no_longer() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop(), lambda _: 1_000)
    joined.close()
    wire.protocol.connection_lost(None)
    await asyncio.sleep(3.0)
    assert wire.written == [b"half closed"]


@virtual_time
async def test_a_second_close_waits_for_nobody() -> None:
    wire = Wire()
    joined = CoalescedWrites(wire, asyncio.get_running_loop(), lambda _: 1_000)
    joined.close()
    joined.close()
    assert wire.written == [b"half closed", b"closed"]


async def test_a_transport_that_has_no_halves_is_closed_at_once() -> None:
    wire = Wire()
    wire.half = False
    joined = CoalescedWrites(wire, asyncio.get_running_loop(), lambda _: 1_000)
    joined.close()
    assert wire.written == [b"closed"]


@pytest.mark.requirement("edge.skipped")
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_caller_that_sends_a_refused_body_to_its_end_reads_the_answer(framing: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 401, b"{}", unread=math.inf)

    server = HttpServer(app, bind("127.0.0.1", 0, "--port"), DEFAULTS)
    await server.start()
    size = 4 * 1024 * 1024
    head = b"content-length: %d" % size if framing == "length" else b"transfer-encoding: chunked"
    try:
        async with asyncio.timeout(patience()):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n" % head)
            for _ in range(64):
                piece = b"[" * (size // 64)
                writer.write(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            answer = await reader.read()
            writer.close()
    finally:
        await server.stop()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"{}")


@pytest.mark.requirement("edge.skipped")
@pytest.mark.parametrize("status", [401, 413])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_caller_that_reads_while_it_sends_too_much_reads_the_answer_and_little_is_taken(
    framing: str, status: int
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if status == 413:
            with suppress(BodyTooLarge):
                await read_body(read_headers(scope, DEFAULTS), receive, DEFAULTS)
        await respond(send, status, b"{}", unread=math.inf)

    server = HttpServer(app, bind("127.0.0.1", 0, "--port"), DEFAULTS)
    await server.start()
    head = b"content-length: 100000000" if framing == "length" else b"transfer-encoding: chunked"
    piece = bytes(65536) if framing == "length" else b"10000\r\n" + bytes(65536) + b"\r\n"
    taken = 0

    async def send_all(writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        for _ in range(1600):
            writer.write(piece)
            await writer.drain()
            taken += 65536

    try:
        async with asyncio.timeout(patience()):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n" % head)
            sending = asyncio.ensure_future(send_all(writer))
            # It has the whole time that it is given to read what was sent long ago.
            await asyncio.sleep(1.0)
            answer = await reader.readuntil(b"{}")
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.transport.abort()
    finally:
        await server.stop()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    # What the system's own buffers hold is not the server's: some megabytes on loopback.
    assert taken < 20_000_000
