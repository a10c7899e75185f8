"""Sockets and HTTP servers: uvicorn for several ASGI apps in one process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

from meshgate.a2a.limits import Limits
from meshgate.net.coalesced_writes import CoalescedWritesProtocol

__all__ = ["HttpServer", "PortTaken", "bind", "bind_one"]


class PortTaken(Exception):
    """A port cannot be bound; the message names it and the setting that chooses another."""


def bind(host: str, port: int, setting: str, *, share: bool = False) -> list[socket.socket]:
    """Sockets on ``host``: for 127.0.0.1 also on ::1 where there is IPv6. Port 0 takes a free one, the same on both.

    Args:
        setting: the flag or argument that sets this port, for the error.
        share: several workers bind the same port (SO_REUSEPORT).

    Raises:
        PortTaken: somebody else has it.
    """
    first = bind_one(host, port, setting, share=share)
    if host not in ("127.0.0.1", "localhost"):
        return [first]
    try:
        return [first, bind_one("::1", first.getsockname()[1], setting, share=share)]
    except (PortTaken, OSError):
        return [first]


def bind_one(host: str, port: int, setting: str, *, share: bool = False) -> socket.socket:
    """A socket on one address.

    Raises:
        PortTaken: somebody else has it.
    """
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
            f"port {port} on {host} cannot be used ({error.strerror}): choose another with {setting}"
        ) from None
    return found


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the process: uvicorn would handle them in each server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class HttpServer:
    """One ASGI app on its own sockets.

    Args:
        limits: how many connections it takes and keeps: ``connections``, ``backlog``, ``idle``.
        date: whether answers say when they were made, as origin servers with a clock should (RFC 9110 6.6.1).
    """

    def __init__(self, app: Any, sockets: list[socket.socket], limits: Limits, *, date: bool = True) -> None:
        self._config = uvicorn.Config(
            app,
            http=CoalescedWritesProtocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=date,
            timeout_keep_alive=limits.idle,  # longer than ``agent_idle``: a gateway closes first
            timeout_graceful_shutdown=2,
            limit_concurrency=limits.connections,
            backlog=limits.backlog,
        )
        self._sockets = sockets
        self.port = int(sockets[0].getsockname()[1])
        """The port it listens on."""
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Returns once connections are accepted.

        Raises:
            PortTaken: another process has begun to listen on the port since it was bound.
        """
        self._server = _Server(self._config)
        self._serving = asyncio.ensure_future(self._server.serve(sockets=self._sockets))
        listening = asyncio.ensure_future(self._server.listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            return
        listening.cancel()
        serving, self._server, self._serving = self._serving, None, None
        reason = "the server ended while it started"
        try:
            await serving
        except OSError as error:
            reason = error.strerror or str(error)
        finally:
            for each in self._sockets:
                each.close()
        raise PortTaken(f"port {self.port} cannot be used ({reason}): is another mesh starting? Choose another port")

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._server.server_state.connections) if self._server is not None else 0

    def leave(self) -> None:
        """Take no further connection, and close each open one with its next answer.

        The answer says so, and the client sends its next call elsewhere. A client whose idle connection is simply
        closed may have sent a call already, and cannot know whether it arrived.
        """
        if self._server is None:
            return
        for listening in self._server.servers:
            listening.close()
        for connection in self._server.server_state.connections:
            if isinstance(connection, CoalescedWritesProtocol):
                connection.leave()

    async def stop(self) -> None:
        """Stop listening, and close connections that are still open after a moment."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = self._serving = None
        for each in self._sockets:  # bound when this was made, whether or not it ever listened
            each.close()
