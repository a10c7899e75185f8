"""Four instances of an agent that share their tasks, one gateway, one Consul, and 200 calls a second."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.load import Caller, Load
from tests.faults.processes import GatewayUnderTest, Worker, eventually
from tests.faults.report import Report
from tests.support.servers import Consul

__all__ = ["AGENT", "LEASE", "Crew", "Watch", "now", "open_crew"]

AGENT = "crew"
LEASE = 10.0
"""Seconds that an instance stays listed without a renewal."""


class Watch:
    """Looks at the gateway five times a second: which agents it lists, how stale it is, whether it is ready."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._task = asyncio.ensure_future(self._look())
        self.lost = set[str]()
        """Instances that were missing at any time although their process ran."""
        self.stale = 0.0
        """The longest that the gateway said it was out of touch."""
        self.not_ready = 0

    async def _look(self) -> None:
        gateway = self._crew.gateway
        while True:
            try:
                self.lost |= self._crew.names - await gateway.instances(AGENT)
                self.stale = max(self.stale, await gateway.metric("meshgate_registry_stale_seconds"))
                self.not_ready += await gateway.status("/readyz") != 200
            except (aiohttp.ClientError, TimeoutError):
                pass  # it is being restarted
            await asyncio.sleep(0.2)

    def stop(self) -> None:
        """Look no more.

        Raises:
            RuntimeError: it did not look until now, so what it has not seen means nothing.
        """
        if self._task.done():
            raise RuntimeError("the watch ended early") from self._task.exception()
        self._task.cancel()


class Crew:
    """The four, their gateway and its Consul."""

    def __init__(
        self,
        folder: Path,
        consul: Consul,
        session: aiohttp.ClientSession,
        report: Report,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        self.consul, self.report, self.folder = consul, report, folder
        # A killed gateway counts for a lease or more, and its share of a rate with it: the rate is not what is tested.
        rate = limits or {"rate": 5000, "burst": 5000}
        url = f"consul://127.0.0.1:{consul.port}"
        self.gateway = GatewayUnderTest(folder / "home", session, registry=url, limits=rate)
        self.workers: dict[str, Worker] = {}
        self.caller = Caller(session, self.gateway.url, lambda: self.gateway.ran.client_key)

    @property
    def names(self) -> set[str]:
        """The instances that run."""
        return {name for name, worker in self.workers.items() if worker.alive}

    def hire(self, name: str) -> Worker:
        """Start one more instance."""
        command = [sys.executable, "-m", "tests.faults.worker", AGENT, name, str(self.folder / "tasks.db")]
        worker = Worker(command, self.gateway.home, self.folder / f"{name}.log").spawn()
        self.workers[name] = worker
        return worker

    async def listed(self) -> bool:
        """Whether the gateway lists exactly those that run."""
        return await self.gateway.instances(AGENT) == self.names

    async def in_touch(self) -> bool:
        """Whether the registry answers the gateway."""
        try:
            return await self.gateway.metric("meshgate_registry_stale_seconds") == 0
        except aiohttp.ClientError:
            return False

    def load(self, rate: float = 200.0) -> Load:
        """Calls to it: half sends, half reads, three seconds each at most."""
        return Load(self.caller, AGENT, rate, meshgate_deadline="3")

    async def close(self) -> None:
        """End all processes."""
        for worker in self.workers.values():
            worker.signal(signal.SIGCONT)
        await asyncio.gather(*(worker.stop() for worker in self.workers.values()))
        await self.gateway.stop()

    def tails(self) -> str:
        """The end of the gateway's log."""
        return self.gateway.tail()


@asynccontextmanager
async def open_crew(
    folder: Path,
    consul: Consul,
    session: aiohttp.ClientSession,
    report: Report,
    limits: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Crew]:
    """A crew of four that takes calls."""
    crew = Crew(folder, consul, session, report, limits)
    try:
        report.say("a gateway on Consul, and four instances of an agent")
        await crew.gateway.start()
        for number in range(1, 5):
            crew.hire(f"{AGENT}-{number}")
        await eventually(crew.listed, within=30)
        yield crew
    finally:
        await crew.close()


def now() -> float:
    """Monotonic seconds, as samples count them."""
    return time.monotonic()
