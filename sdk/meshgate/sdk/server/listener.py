"""The sockets of an agent, its event loop, and the exit code of its process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from meshgate.a2a.bindings.table import GRPC_ROWS, HTTP_ROWS
from meshgate.a2a.errors import AccessError, MeshError
from meshgate.a2a.limits import Limits
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.net.server import HttpServer, PortTaken, bind_one
from meshgate.registry.model import Endpoint
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.server.app import Guard
from meshgate.sdk.server.listen_address import CannotServe, ListenAddress
from meshgate.sdk.server.loop_watch import LoopWatch

if TYPE_CHECKING:
    from meshgate.a2a.call import Handler

__all__ = ["Listener", "endpoints_of", "exit_code", "public_endpoints", "run_loop", "urls_by_binding"]

log = structlog.get_logger(__name__)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def endpoints_of(place: ListenAddress, port: int, grpc_port: int) -> tuple[Endpoint, ...]:
    """The addresses for others, once the ports are known: in the version that gateways speak to agents of the SDK."""
    url = place.public_url.rstrip("/") or f"http://{_bracketed(place.host)}:{port}"
    host = urlsplit(url).hostname or place.host
    http = [Endpoint(row.id, url + "/", row.version) for row in HTTP_ROWS if row.id in place.bindings]
    grpc = [Endpoint(row.id, f"{_bracketed(host)}:{grpc_port}", row.version) for row in GRPC_ROWS if grpc_port]
    return tuple(endpoint for endpoint in (*http, *grpc) if endpoint.version == PROTOCOL_VERSION)


def public_endpoints(place: ListenAddress) -> tuple[Endpoint, ...]:
    """The addresses for others of an agent that does not listen itself: its public URL, if it has one."""
    return endpoints_of(place, 0, 0) if place.public_url else ()


class Listener:
    """The sockets of an agent.

    Args:
        place: where to listen.
        app: the ASGI app.
        handler: takes the calls that come over gRPC.
        guard: decides who may come in over gRPC.
    """

    def __init__(self, place: ListenAddress, app: Any, handler: Handler, guard: Guard, limits: Limits) -> None:
        self._place = place
        self._app = app
        self._handler = handler
        self._guard = guard
        self._limits = limits
        self._server: HttpServer | None = None
        self._grpc: Any = None
        self._watch = LoopWatch(limits.loop_stall)

    async def start(self) -> tuple[Endpoint, ...]:
        """Listen; returns the addresses once calls are taken.

        Raises:
            CannotServe: a port is taken, or gRPC is not installed.
        """
        try:
            sock = bind_one(self._place.host, self._place.port, "Agent(port=...)")
        except PortTaken as error:
            raise CannotServe(str(error)) from None
        grpc_port = 0
        try:
            if any(row.id in self._place.bindings for row in GRPC_ROWS):
                grpc_port = await self._start_grpc()
        except BaseException:
            sock.close()
            raise
        self._server = HttpServer(self._app, [sock], self._limits, date=False)
        await self._server.start()
        self._watch.start()
        return endpoints_of(self._place, self._server.port, grpc_port)

    async def _start_grpc(self) -> int:
        try:
            from meshgate.net.grpc_server import A2AService, make_server
        except ImportError as error:
            raise CannotServe("gRPC needs an extra: pip install 'meshgate[grpc]'") from error
        services = [
            A2AService(self._handler, self._limits, admit=self._guard.admit, binding=row.load()) for row in GRPC_ROWS
        ]
        self._grpc = make_server(services, self._limits)
        address = f"{_bracketed(self._place.host)}:{self._place.grpc_port}"
        try:
            port = int(self._grpc.add_insecure_port(address))
        except RuntimeError as error:
            raise CannotServe(f"{address}: {error}; choose another with Agent(grpc_port=...)") from None
        await self._grpc.start()
        return port

    async def stop(self) -> None:
        """Stop listening; what is being answered gets a moment."""
        self._watch.stop()
        if self._grpc is not None:
            await self._grpc.stop(1.0)
            self._grpc = None
        if self._server is not None:
            await self._server.stop()
            self._server = None


def run_loop(main: Any) -> None:
    """Run a coroutine to its end on uvloop.

    Raises:
        CannotServe: on Windows.
    """
    if sys.platform == "win32":
        raise CannotServe("agents run on Linux and macOS; on Windows the SDK calls agents")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def exit_code(error: MeshError) -> int:
    """The process's exit code for an error: 2 usage, 3 nothing to reach, 4 denied, else 1."""
    if isinstance(error, NotConfigured):
        return 3
    return 4 if isinstance(error, AccessError) else 2 if isinstance(error, CannotServe) else 1


def urls_by_binding(endpoints: Sequence[Endpoint]) -> dict[str, str]:
    """Addresses for a log line."""
    return {endpoint.binding.lower(): endpoint.url for endpoint in endpoints}
