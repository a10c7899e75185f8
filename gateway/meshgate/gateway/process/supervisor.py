"""The supervisor of ``meshgate up --workers N``: N gateway processes share the data ports; it serves join and admin.

Workers are spawned, never forked (gRPC does not survive a fork). Each reads its orders from its standard input, which
the supervisor keeps open: when the supervisor ends, however it ends, the input ends too and the worker drains.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.config import Config, ConfigError
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.control.ports import Control
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.secrets import Secrets, known_secrets
from meshgate.gateway.process.keys import follow_keys
from meshgate.gateway.process.server import DataPlane, Signals, check_company, open_configured, run_file
from meshgate.net.server import bind
from meshgate.registry.hold_down import HoldDown
from meshgate.registry.home import Home, Run
from meshgate.registry.index import Index
from meshgate.registry.watcher import Watcher

__all__ = ["Deaths", "Orders", "Worker", "all_up", "end_workers", "run_worker", "run_workers"]

log = structlog.get_logger(__name__)


class Orders(msgspec.Struct, frozen=True):
    """A worker's orders, which it reads from its standard input as one line of JSON."""

    config: Config
    mesh: bytes
    home: str


class _Input(Protocol):
    """The standard input of a process."""

    def write(self, data: bytes, /) -> None: ...


class _Process(Protocol):
    """A child process, as ``asyncio.subprocess`` has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdin(self) -> _Input | None: ...
    async def wait(self) -> int: ...
    def terminate(self) -> None: ...


async def _start_gateway() -> _Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "meshgate.gateway", stdin=asyncio.subprocess.PIPE, start_new_session=True
    )


class Deaths:
    """Counts the deaths of workers, and reports when there are too many in too short a time."""

    def __init__(self, too_many: Callable[[], None], clock: Callable[[], float], limits: Limits = DEFAULTS) -> None:
        self._too_many = too_many
        self._clock = clock
        self._deaths, self._window = limits.worker_deaths, limits.worker_deaths_window
        self._times: deque[float] = deque(maxlen=self._deaths)

    def note(self) -> None:
        """Count the death of a worker."""
        now = self._clock()
        self._times.append(now)
        if len(self._times) == self._deaths and now - self._times[0] < self._window:
            log.critical("too_many_deaths", deaths=self._deaths, seconds=self._window)
            self._too_many()


class Worker:
    """One slot for a worker: starts the worker, and starts it again when it dies.

    Args:
        died: told of each death.
        start: starts a process that reads its orders from its standard input.
    """

    def __init__(
        self, orders: Orders, died: Callable[[], None], start: Callable[[], Awaitable[_Process]] = _start_gateway
    ) -> None:
        self._line = msgspec.json.encode(orders) + b"\n"
        self._died = died
        self._start = start
        self._limits = orders.config.limits
        self._pause = self._limits.worker_restart
        self.process: _Process | None = None

    async def run(self) -> None:
        """Start the gateway, and start it again when it dies, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._live()
            self._died()
            self._pause = self._next_pause(loop.time() - began)
            await asyncio.sleep(self._pause)

    def _next_pause(self, lived: float) -> float:
        limits = self._limits
        if lived > limits.worker_deaths_window:
            return limits.worker_restart
        return min(self._pause * 2, limits.worker_restart_max)

    async def _live(self) -> None:
        try:
            self.process = await self._start()
        except OSError:
            # The machine cannot start a process now. That may pass, so it counts as a death and is tried again.
            log.exception("worker_not_started")
            return
        if self.process.stdin is not None:
            self.process.stdin.write(self._line)
        code = await self.process.wait()
        log.error("worker_died", pid=self.process.pid, code=code)

    def terminate(self) -> None:
        """Ask the worker to drain, or, the second time, to hurry."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()

    async def ended(self) -> None:
        """Wait until the worker has ended."""
        if self.process is not None:
            await self.process.wait()


async def run_workers(config: Config, secrets: Secrets, home: Home, announce: Callable[[Run], None]) -> None:
    """Run ``config.workers`` gateways until a signal comes.

    Raises:
        ConfigError: the platform or the registry does not allow it.
    """
    if not (sys.platform.startswith("linux") and hasattr(socket, "SO_REUSEPORT")):
        raise ConfigError(
            "--workers shares ports by SO_REUSEPORT as Linux does: run several gateways on ports of their own"
        )
    if config.registry == "memory:":
        raise ConfigError("--workers needs a registry that processes share: leave --registry out, or use Consul")
    signals = Signals()
    # Bound, and never listened on: this reserves the ports, and each worker binds them again.
    reserved = bind(config.host, config.port, "--port", share=True)
    port = int(reserved[0].getsockname()[1])
    grpc_port = config.grpc_port
    if grpc_port >= 0:
        reserved += bind(config.host, config.grpc_port, "--grpc-port", share=True)
        grpc_port = int(reserved[-1].getsockname()[1])
    registry = open_configured(config, home)
    table = Index()
    mesh = MeshKey(secrets.mesh)
    watcher = Watcher(registry, table, hold=HoldDown.within(config.limits), genuine=mesh.is_genuine)
    schemas = Catalogue(SchemaStore(registry, home.path / "schemas", config.limits), watcher)
    remote = RemotePeers(table, "", mesh.inspect_secret(), config.limits)
    urls = (config.base_url or f"http://{config.host}:{port}",)
    taken = frozenset({port, grpc_port})
    keys = follow_keys(config, secrets, home, keeper=True)
    control = Control(config, mesh, keys, registry, watcher, None, remote, urls, taken, schemas, home.name)
    watching = _watch(signals, watcher.run(), schemas.run(), keys.run())
    await control.start()
    resolved = msgspec.structs.replace(config, port=port, grpc_port=grpc_port, inspect_port=0)
    deaths = Deaths(signals.stop.set, asyncio.get_running_loop().time, config.limits)
    orders = Orders(resolved, secrets.mesh, str(home.path))
    workers = [Worker(orders, deaths.note) for _ in range(config.workers)]
    running: list[asyncio.Task[None]] = []
    try:
        await check_company(watcher)
        running = [asyncio.ensure_future(worker.run()) for worker in workers]
        await all_up(table, config.workers, signals, config.limits.worker_start)
        run = run_file(config, secrets, port=port, grpc_port=grpc_port, control=control)
        home.write(run)
        announce(run)
        await signals.stop.wait()
    finally:
        home.remove(os.getpid())
        await control.stop()
        await end_workers(workers, running, signals)
        for task in watching:
            task.cancel()
        await remote.aclose()
        await keys.aclose()
        await registry.aclose()
        for one in reserved:
            one.close()


def _watch(signals: Signals, *runs: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    watching = [asyncio.ensure_future(run) for run in runs]
    for task in watching:
        task.add_done_callback(lambda ended: _watch_ended(ended, signals))
    return watching


def _watch_ended(task: asyncio.Task[None], signals: Signals) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("watching_failed", error=str(error), exc_info=error)
        signals.stop.set()


async def all_up(table: Index, count: int, signals: Signals, seconds: float = DEFAULTS.worker_start) -> None:
    """Wait until so many gateways are in the registry, or a signal comes.

    Raises:
        ConfigError: they do not come up in time.
    """
    waited = 0.0
    while len(table.gateways) < count and not signals.stop.is_set():
        if waited > seconds:
            raise ConfigError(f"the workers did not come up within {seconds:.0f} s: see the log above")
        await asyncio.sleep(0.05)
        waited += 0.05


async def end_workers(workers: list[Worker], running: list[asyncio.Task[None]], signals: Signals) -> None:
    """Let the workers drain, start none again, and wait until all have ended; a second signal asks them to hurry."""
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for worker in workers:
        worker.terminate()

    async def hurry() -> None:
        await signals.hurry.wait()
        for worker in workers:
            worker.terminate()

    hurrying = asyncio.ensure_future(hurry())
    await asyncio.gather(*(worker.ended() for worker in workers))
    hurrying.cancel()


async def run_worker(orders: Orders, lifeline: asyncio.StreamReader) -> None:
    """Run one worker until a signal comes or the supervisor has ended."""
    signals = Signals()
    home = Home(Path(orders.home))
    registry = open_configured(orders.config, home)
    secrets = known_secrets(home, orders.config, MeshKey(orders.mesh))
    keys = follow_keys(orders.config, secrets, home, keeper=False)
    plane = DataPlane(orders.config, MeshKey(orders.mesh), keys, registry, home, share=True)
    await plane.start()

    async def orphaned() -> None:
        await lifeline.read()
        signals.stop.set()

    watching = asyncio.ensure_future(orphaned())
    await signals.stop.wait()
    watching.cancel()
    await plane.drain(signals.hurry)
    await registry.aclose()
