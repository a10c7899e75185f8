"""Sockets that the servers of gateway and agents listen on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from meshgate.net.server import bind


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
