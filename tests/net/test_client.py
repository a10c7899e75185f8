"""The HTTP client against bytes that are not ours: servers here are sockets that write what a test says."""

# pyright: reportPrivateUsage=false
# The socket of a connection is nobody's business but its own.

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.net.client import BadUrl, HttpClient, parse_url
from meshgate.net.connection import Broken, Connection, Response, Unreachable
from tests.support.patience import patience

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"


class Server:
    """Answers each request on a connection with the next of its scripted bytes; b"" closes the connection."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.heard = asyncio.Event()
        self.left = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
                self.requests.append(head + await reader.readexactly(length))
                self.heard.set()
                answer = self.answers.pop(0) if self.answers else b""
                writer.write(answer)
                await writer.drain()
                if not answer or answer is TO_THE_END or b"Connection: close" in answer or b"Length: 99" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes, keep: float = patience()) -> AsyncGenerator[tuple[HttpClient, Server]]:
    server = Server(*answers)
    client = HttpClient(connect=patience(), keep=keep, buffer=65536)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/path?q=1"
        yield client, server
        await client.aclose()


async def body_of(client: HttpClient, url: str) -> bytes:
    response = await client.post(url, {"x-one": "1"}, b"body")
    try:
        return await response.read()
    finally:
        response.close()


@pytest.mark.requirement("http.whole")
@pytest.mark.parametrize("answer", [WHOLE, CHUNKED, TO_THE_END], ids=["length", "chunked", "to the end"])
async def test_a_body_is_read_however_its_end_is_marked(answer: bytes) -> None:
    async with serving(answer) as (client, server):
        assert await body_of(client, server.url) == b"hello"
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /path?q=1 HTTP/1.1\r\nhost: 127.0.0.1:")
        assert b"x-one: 1" in head
        assert body == b"body"


async def test_a_connection_serves_one_call_after_another() -> None:
    async with serving(WHOLE, CHUNKED, WHOLE) as (client, server):
        for _ in range(3):
            assert await body_of(client, server.url) == b"hello"
        assert server.connections == 1


async def test_calls_at_the_same_time_have_connections_of_their_own() -> None:
    async with serving(*[WHOLE] * 5) as (client, server):
        assert await asyncio.gather(*(body_of(client, server.url) for _ in range(5))) == [b"hello"] * 5
        assert server.connections == 5


@pytest.mark.parametrize("answer", [WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), TO_THE_END])
async def test_a_connection_that_its_server_ends_is_not_used_again(answer: bytes) -> None:
    async with serving(answer, WHOLE) as (client, server):
        assert await body_of(client, server.url) == b"hello"
        assert await body_of(client, server.url) == b"hello"
        assert server.connections == 2


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(WHOLE, keep=0.01) as (client, server):
        await body_of(client, server.url)
        await server.left.wait()
        assert server.connections == 1


@pytest.mark.requirement("http.whole")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        WHOLE.replace(b"Length: 5", b"Length: 99"),
        WHOLE.replace(b"Length: 5", b"Length: 5\r\nTransfer-Encoding: chunked"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 70_000 + b"\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\nConnection: close\r\n",
    ],
    ids=["nothing", "cut off", "length and chunked", "half a chunk", "headers without end", "no HTTP"],
)
async def test_an_answer_that_is_not_whole_is_an_error(answer: bytes) -> None:
    async with serving(answer) as (client, server):
        with pytest.raises(Broken):
            await body_of(client, server.url)


async def test_an_interim_answer_is_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with serving(interim + WHOLE) as (client, server):
        response = await client.post(server.url, {}, b"")
        assert (response.status, "link" in response.headers) == (200, False)
        assert await response.read() == b"hello"
        response.close()


@pytest.mark.requirement("agent.bounds")
@pytest.mark.parametrize("interim", [CONTINUE, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"])
async def test_only_so_many_interim_answers_are_passed_over(interim: bytes) -> None:
    async with serving(interim * 8 + WHOLE) as (client, server):
        assert await body_of(client, server.url) == b"hello"
    async with serving(interim * 9 + WHOLE, interim * 8 + WHOLE) as (client, server):
        with pytest.raises(Broken, match="more than 8 interim answers"):
            await client.post(server.url, {}, b"body")
        assert await body_of(client, server.url) == b"hello"


@pytest.mark.requirement("http.one-answer")
@pytest.mark.parametrize("extra", [WHOLE, WHOLE[:20], b"HTTP/1.1 2"], ids=["whole", "a part", "a word"])
async def test_what_follows_an_answer_never_becomes_the_answer_to_the_next_request(extra: bytes) -> None:
    other = WHOLE.replace(b"hello", b"other")
    async with serving(WHOLE + extra, other) as (client, server):
        with pytest.raises(Broken):
            await body_of(client, server.url)
        assert await body_of(client, server.url) == b"other"
        assert server.connections == 2


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system keeps its own times")
async def test_the_system_asks_whether_the_other_end_is_still_there() -> None:
    async with serving(WHOLE) as (client, server):
        response = await client.post(server.url, {}, b"")
        (connection,) = client._open
        assert connection._transport is not None
        found = connection._transport.get_extra_info("socket")
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        times = [getattr(socket, name) for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")]
        assert [found.getsockopt(socket.IPPROTO_TCP, name) for name in times] == [10, 5, 4]
        response.close()


async def test_nothing_is_sent_to_where_nobody_listens() -> None:
    async with serving() as (_, server):
        url = server.url
    client = HttpClient(connect=5.0, keep=4.0, buffer=65536)
    with pytest.raises(Unreachable):
        await client.post(url, {}, b"")


async def test_a_header_cannot_bring_a_line_of_its_own() -> None:
    async with serving(WHOLE) as (client, server):
        for value in ("a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b"):
            with pytest.raises(ValueError, match="line break"):
                await client.post(server.url, {"x": value}, b"")
        assert server.requests == []


@pytest.mark.parametrize(
    "url", ["/no/host", "ftp://x/", "http://", "http://u:p@x/", "http://x/a b", "http://x/\r\nx: y", "http://x:99999/"]
)
def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_url(url)


async def test_a_reader_that_leaves_drops_the_connection() -> None:
    async with serving(WHOLE.replace(b"Length: 5", b"Length: 5000000")) as (client, server):
        response = await client.post(server.url, {}, b"")
        response.close()
        await server.left.wait()


async def test_a_caller_that_is_cancelled_drops_the_connection() -> None:
    async with serving(b"HTTP/1.1 103 Wait\r\n\r\n") as (client, server):
        asking = asyncio.ensure_future(client.post(server.url, {}, b""))
        await server.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.left.wait()


class Wire(asyncio.Transport):
    """A transport without a network, which notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def write(self, data: Any) -> None:
        self.said.append("write")

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def abort(self) -> None:
        self.said.append("abort")


async def fed(pieces: list[bytes], buffer: int = 65536) -> tuple[Wire, Connection, asyncio.Task[Response]]:
    client = HttpClient(connect=5.0, keep=4.0, buffer=buffer)
    wire, connection = Wire(), Connection(client, ("h", 80, False), buffer)
    connection.connection_made(wire)
    asking = asyncio.ensure_future(connection.ask(b"GET / HTTP/1.1\r\n\r\n"))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    return wire, connection, asking


@pytest.mark.requirement("http.bounded")
async def test_a_sender_that_is_faster_than_its_reader_is_slowed_down() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    wire, _, asking = await fed([head, *[b"x" * 1000] * 11], buffer=10_000)
    response = await asking
    assert wire.said == ["write", "pause"]
    for _ in range(6):
        await response.chunk()
    assert wire.said == ["write", "pause", "resume"]


def in_pieces(data: bytes) -> Callable[[list[int]], list[bytes]]:
    def cut(places: list[int]) -> list[bytes]:
        edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
        return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]

    return cut


@given(st.sampled_from([WHOLE, CHUNKED]), st.lists(st.integers(0, 200), max_size=12))
def test_how_an_answer_is_cut_into_packets_makes_no_difference(answer: bytes, places: list[int]) -> None:
    async def read() -> bytes:
        _, _, asking = await fed(in_pieces(answer)(places))
        return await (await asking).read()

    assert asyncio.run(read()) == b"hello"


@given(st.lists(st.binary(min_size=1, max_size=60) | st.sampled_from([WHOLE, CHUNKED, b"\r\n\r\n"]), max_size=6))
def test_whatever_comes_ends_in_an_answer_or_in_an_error(pieces: list[bytes]) -> None:
    async def read() -> None:
        _, connection, asking = await fed(pieces)
        connection.connection_lost(None)
        try:
            await (await asking).read()
        except Broken:
            return

    asyncio.run(read())
