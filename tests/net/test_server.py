"""Sockets that the servers of gateway and agents listen on."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import socket

import pytest

from meshgate.a2a.limits import Limits
from meshgate.net.server import HttpServer, bind


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
    config = HttpServer(None, [], limits)._config
    assert (config.limit_concurrency, config.backlog, config.timeout_keep_alive) == (7, 5, 3)
