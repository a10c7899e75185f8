"""Sockets that the servers of gateway and agents listen on."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from meshgate.a2a.bindings.jsonrpc import BINDING
from meshgate.a2a.errors import BodyTooLarge
from meshgate.a2a.limits import Limits
from meshgate.net.answer import refuse
from meshgate.net.server import HttpServer, PortTaken, bind


@pytest.mark.requirement("contract.nodelay")
async def test_what_is_accepted_on_a_bound_socket_sends_its_last_bytes_at_once() -> None:
    listening, *others = bind("127.0.0.1", 0, "--port")
    for other in others:
        other.close()
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found: socket.socket = writer.get_extra_info("socket")
        accepted.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(serve, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await accepted
        writer.close()


def test_what_a_listener_takes_and_keeps_are_limits() -> None:
    limits = Limits(connections=7, backlog=5, idle=3)
    sockets = bind("127.0.0.1", 0, "--port")
    config = HttpServer(None, sockets, limits)._config
    for each in sockets:
        each.close()
    assert (config.limit_concurrency, config.backlog, config.timeout_keep_alive) == (7, 5, 3)


async def test_a_port_that_another_process_took_since_it_was_bound_is_told_with_the_remedy() -> None:
    mine = bind("127.0.0.1", 0, "--port")
    port = int(mine[0].getsockname()[1])
    others = bind("127.0.0.1", port, "--port")
    for other in others:
        other.listen()
    server = HttpServer(None, mine, Limits())
    with pytest.raises(PortTaken) as refused:
        await server.start()
    assert str(refused.value) == (
        f"port {port} cannot be used (Address already in use): is another mesh starting? Choose another port"
    )
    assert [each.fileno() for each in mine] == [-1] * len(mine)
    await server.stop()
    assert (server.port, server.connections) == (port, 0)
    for other in others:
        other.close()


async def test_a_caller_that_is_still_sending_has_time_to_read_that_its_body_is_refused() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await refuse(send, BINDING.server(), BodyTooLarge())

    server = HttpServer(app, bind("127.0.0.1", 0, "--port"), Limits())
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(128):
            writer.write(b"x" * 65536)
        await asyncio.sleep(1.0)  # busy, or a slow machine
        assert (await reader.readline()).split()[1] == b"413"
        writer.transport.abort()
    finally:
        await server.stop()
