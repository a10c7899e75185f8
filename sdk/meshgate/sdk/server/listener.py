"""An agent on the network: its sockets, its place in the mesh, and how it goes when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import structlog

from meshgate.a2a.bindings.table import DEFAULT, DEFAULT_NAMES, GRPC_ROWS, HTTP_ROWS, ROWS, Name
from meshgate.a2a.errors import AccessError, MeshError
from meshgate.a2a.limits import Limits
from meshgate.net.server import HttpServer, PortTaken, bind_one
from meshgate.registry.model import Endpoint
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.server.app import Guard
from meshgate.sdk.server.membership import Membership

if TYPE_CHECKING:
    from meshgate.a2a.call import Handler

__all__ = [
    "CannotServe",
    "Listener",
    "Place",
    "endpoints_of",
    "exit_code",
    "names_of",
    "run_loop",
    "until_told",
]

log = structlog.get_logger(__name__)


class CannotServe(MeshError):
    """The agent cannot listen as it was told; the message says what to change."""

    code, summary = "CANNOT_SERVE", "the agent cannot listen"


class Place(msgspec.Struct, frozen=True):
    """Where an agent listens and how others reach it.

    Args:
        public_url: the base URL that others reach ``host`` and ``port`` by, if it is another.
        port: 0 takes a free one; the same of ``grpc_port``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    grpc_port: int = 0
    public_url: str = ""
    bindings: tuple[Name, ...] = DEFAULT_NAMES

    def __post_init__(self) -> None:
        known = {row.id for row in ROWS}
        if DEFAULT.id not in self.bindings or set(self.bindings) - known:
            raise CannotServe(f"bindings are {DEFAULT.id!r} and any of {sorted(known)}, not {self.bindings!r}")
        if _everywhere(self.host) and not self.public_url:
            raise CannotServe(f"host={self.host!r} is no address to call: add public_url='http://NAME:PORT'")
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise CannotServe(f"public_url={self.public_url!r}: write it like http://agent.internal:9000")


def _everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def endpoints_of(place: Place, port: int, grpc_port: int) -> tuple[Endpoint, ...]:
    """The addresses that others are told, once the ports are known."""
    url = place.public_url.rstrip("/") or f"http://{_bracketed(place.host)}:{port}"
    host = urlsplit(url).hostname or place.host
    http = [Endpoint(row.id, url + "/", row.version) for row in HTTP_ROWS if row.id in place.bindings]
    grpc = [Endpoint(row.id, f"{_bracketed(host)}:{grpc_port}", row.version) for row in GRPC_ROWS if grpc_port]
    return (*http, *grpc)


class Listener:
    """The sockets of an agent.

    Args:
        place: where to listen.
        app: the ASGI app.
        handler: takes the calls that come over gRPC.
        guard: decides who may come in over gRPC.
    """

    def __init__(self, place: Place, app: Any, handler: Handler, guard: Guard, limits: Limits) -> None:
        self._place = place
        self._app = app
        self._handler = handler
        self._guard = guard
        self._limits = limits
        self._server: HttpServer | None = None
        self._grpc: Any = None

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
        if self._grpc is not None:
            await self._grpc.stop(1.0)
            self._grpc = None
        if self._server is not None:
            await self._server.stop()
            self._server = None


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Told:
    """Events for the first and the second signal."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.twice = asyncio.Event()

    def hear(self) -> None:
        (self.twice if self.once.is_set() else self.once).set()


@contextlib.contextmanager
def _signals() -> Generator[_Told, None, None]:
    told = _Told()
    loop = asyncio.get_running_loop()
    for each in _SIGNALS:
        loop.add_signal_handler(each, told.hear)
    try:
        yield told
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)


async def until_told(membership: Membership, drain: Any, facts: Mapping[str, Any], notice: float) -> None:
    """Stay in the mesh until a signal comes, then drain; a second signal ends that at once.

    Args:
        drain: an async function that waits for open work.
        facts: what the log lines say.
        notice: seconds in which new calls are still taken, because gateways have still to hear of it.

    Raises:
        MeshError: the mesh refused the agent when it first asked to join.
    """
    with _signals() as told:
        keeping = asyncio.ensure_future(membership.keep())
        try:
            await _first(keeping, told.once.wait())
            if keeping.done():
                await keeping
            log.info("draining", **facts)
            await _first(drained(membership, drain, notice), told.twice.wait())
        finally:
            keeping.cancel()


async def drained(membership: Membership, drain: Any, notice: float) -> None:
    """Announce that this agent leaves, take new calls until every gateway has heard of it, and end what is open."""
    if await membership.drain():
        await asyncio.sleep(notice)
    await drain()


async def _first(*waits: Any) -> None:
    """Wait for one of several, and cancel those that are not asyncio tasks already."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, wait in zip(tasks, waits, strict=True):
            if task is not wait:
                task.cancel()


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


def names_of(endpoints: Sequence[Endpoint]) -> dict[str, str]:
    """Addresses for a log line."""
    return {endpoint.binding.lower(): endpoint.url for endpoint in endpoints}
