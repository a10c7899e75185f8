"""A file registry that cannot be written (F100), that is deleted, and one with a row that nobody can read (F101)."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.load import Caller
from tests.faults.processes import GatewayUnderTest, Worker, eventually
from tests.faults.report import Report

__all__ = ["file_registry"]

_LEASE = 2.0
_AGENT = "filed"


class _Mesh:
    """A gateway on a file registry, and one agent that renews its lease."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        folder.mkdir(parents=True)
        rate = {"rate": 5000, "burst": 5000}
        self.gateway = GatewayUnderTest(folder / "home", session, limits={"lease": _LEASE, **rate})
        self.caller = Caller(session, self.gateway.url, lambda: self.gateway.ran.client_key)
        command = [sys.executable, "-m", "tests.faults.worker", _AGENT, f"{_AGENT}-1", str(folder / "tasks.db")]
        self.worker = Worker(command, self.gateway.home, folder / "agent.log")
        self.file = self.gateway.home / "registry.db"

    async def listed(self) -> bool:
        return await self.gateway.instances(_AGENT) == {f"{_AGENT}-1"}

    async def post(self, path: str, name: str) -> int:
        """Throw or lift the kill switch of an agent; the HTTP status."""
        gateway = self.gateway
        headers = {"authorization": f"Bearer {gateway.ran.admin_key}"}
        body = {"kind": "agent", "name": name, "ahead": True}
        async with gateway.session.post(gateway.admin_url + path, json=body, headers=headers) as response:
            await response.read()
            return response.status

    async def degraded(self) -> bool:
        """Whether its readiness names something that is wrong."""
        async with self.gateway.session.get(self.gateway.url + "/readyz") as response:
            answer: dict[str, Any] = await response.json()
            return response.status == 200 and "degraded" in answer

    async def watch(self, seconds: float) -> tuple[int, int]:
        """Look and call ten times a second: how often the agent was not listed, and how many calls failed."""
        lost = failed = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            lost += not await self.listed()
            failed += bool((await self.caller.send(_AGENT)).code)
            await asyncio.sleep(0.1)
        return lost, failed


@asynccontextmanager
async def _running(folder: Path, session: aiohttp.ClientSession) -> AsyncGenerator[_Mesh]:
    mesh = _Mesh(folder, session)
    try:
        await mesh.gateway.start()
        mesh.worker.spawn()
        await eventually(mesh.listed)
        yield mesh
    finally:
        await mesh.worker.stop()
        await mesh.gateway.stop()


async def file_registry(folder: Path, session: aiohttp.ClientSession, report: Report) -> None:
    """F100 and F101: nobody is evicted, nothing is acknowledged that does not hold, and all is well afterwards."""
    async with _running(folder / "full", session) as mesh:
        await _full(mesh, report)
        await _deleted(mesh, report)
    async with _running(folder / "unreadable", session) as mesh:
        await _unreadable(mesh, report)


async def _full(mesh: _Mesh, report: Report) -> None:
    report.say("F100: a file registry that cannot be written for four leases")
    pid = mesh.gateway.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # No file of the gateway's may grow, its log neither: as on a disk that is full.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
    lost, failed = await mesh.watch(4 * _LEASE)
    acknowledged = await mesh.post("/api/v1/kill", "nobody") == 200
    report.measure("F100", "not_named", int(not await mesh.degraded()))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    began = time.monotonic()

    async def well() -> bool:
        return not await mesh.degraded() and await mesh.post("/api/v1/kill", "nobody") == 200

    await eventually(well, within=30.0)
    report.measure("F100", "recovery_s", time.monotonic() - began)
    again = await mesh.watch(2 * _LEASE)
    report.measure("F100", "evicted", lost + again[0])
    report.measure("F100", "errors", failed + again[1])
    report.measure("F100", "acknowledged", int(acknowledged))


async def _deleted(mesh: _Mesh, report: Report) -> None:
    report.say("F100: the registry's file is deleted")
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (mesh.gateway.home / name).unlink(missing_ok=True)
    lost, failed = await mesh.watch(3 * _LEASE)
    report.measure("F100", "lost_with_the_file", lost + failed)
    report.measure("F100", "not_in_force", int(not await _kills(mesh)))


async def _kills(mesh: _Mesh) -> bool:
    """Whether a kill switch that is acknowledged stops calls, and lets them go on when it is lifted."""
    thrown = await mesh.post("/api/v1/kill", _AGENT) == 200
    stopped = (await mesh.caller.send(_AGENT)).code == "KILLED"
    lifted = await mesh.post("/api/v1/lift", _AGENT) == 200
    return thrown and stopped and lifted and not (await mesh.caller.send(_AGENT)).code


async def _unreadable(mesh: _Mesh, report: Report) -> None:
    report.say("F101: a row of the registry that cannot be read, and one in a binding of a later release")
    later = '{"id":"later-1","agent":"later","endpoints":[{"binding":"TELEX","url":"x"}],"manifest":""}'
    with closing(sqlite3.connect(mesh.file)) as database, database:
        for name, data in (("bad-1", "{no json"), ("later-1", later)):
            row = (name, 1, 0, data.encode(), "")
            database.execute("INSERT INTO instances VALUES (?, ?, ?, ?, ?)", row)
    await eventually(mesh.degraded)
    lost, failed = await mesh.watch(2 * _LEASE)
    report.measure("F101", "lost", lost + failed)
    report.measure("F101", "not_in_force", int(not await _kills(mesh)))
    counted = await mesh.gateway.metric("meshgate_registry_passed_over")
    report.measure("F101", "not_counted", int(counted < 1))
