"""Sockets and HTTP servers: what several ASGI apps in one process need of uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

from meshgate.a2a.defaults import Limits

__all__ = ["HttpServer", "PortTaken", "bind"]


class PortTaken(Exception):
    """A port cannot be bound; the message names it and the flag that chooses another."""


def bind(host: str, port: int, flag: str, *, share: bool = False) -> list[socket.socket]:
    """Sockets on ``host``: for 127.0.0.1 also on ::1 where there is IPv6. Port 0 takes a free one, the same on both.

    Args:
        flag: the flag that sets this port, for the error.
        share: several workers bind the same port (SO_REUSEPORT).

    Raises:
        PortTaken: somebody else has it.
    """
    first = _bound(host, port, flag, share)
    if host not in ("127.0.0.1", "localhost"):
        return [first]
    try:
        return [first, _bound("::1", first.getsockname()[1], flag, share)]
    except (PortTaken, OSError):
        return [first]


def _bound(host: str, port: int, flag: str, share: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio sets TCP_NODELAY only on sockets that name TCP: else each answer waits 40 ms for an ACK.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if share:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
        found.setblocking(False)  # noqa: FBT003 - the socket's own signature
    except OSError as error:
        found.close()
        raise PortTaken(
            f"port {port} on {host} cannot be used ({error.strerror}): choose another with {flag}"
        ) from None
    return found


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are the process's affair, not each server's."""
        yield


class HttpServer:
    """One ASGI app on its own sockets."""

    def __init__(self, app: Any, sockets: list[socket.socket], limits: Limits) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            limit_concurrency=limits.connections,
            backlog=2048,
        )
        self._server = _Server(config)
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Returns once connections are taken."""
        self._task = asyncio.ensure_future(self._server.serve(sockets=self._sockets))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise PortTaken(f"the server on port {self.port} ended as it began")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop listening, and end what is still open after a moment."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
