"""Everything at once, for a while (F113): ``python -m tests.faults.soak [--seconds 600]``.

Two gateways on one Consul and four instances of an agent. Honest callers check each answer. Beside them are callers
with made-up keys, with garbage and with names that nobody has; callers who leave; agents that are killed; a Consul that
is stopped and started; and gateways whose disk is full. Afterwards nothing may be left of all this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import aiohttp

from tests.faults.credentials import push
from tests.faults.crew import AGENT, Crew, open_crew
from tests.faults.limits import SOAK
from tests.faults.load import Caller
from tests.faults.processes import GatewayUnderTest, eventually, open_files, resident
from tests.faults.report import Report
from tests.support.servers import Consul, consul

__all__ = ["main"]

_FILL = 10_500
"""Calls before the start, so that the records of 10,000 jobs are full: they are kept by design."""
_RATE = {"rate": 5000, "burst": 20_000}
_RESTS = 90.0
"""Seconds in which what is left has to go."""


class _Soak:
    """The mesh, and what its callers found."""

    def __init__(self, crew: Crew, second: GatewayUnderTest, server: Consul, report: Report) -> None:
        self.crew, self.server, self.report = crew, server, report
        self.gateways = [crew.gateway, second]
        self.wrong: list[str] = []
        self.codes: Counter[str] = Counter()
        self._asked = 0

    def callers(self, session: aiohttp.ClientSession) -> list[Caller]:
        return [Caller(session, each.url, partial(_key, each)) for each in self.gateways]

    async def ask(self, caller: Caller) -> None:
        """One honest call; its answer holds the digest of its question."""
        self._asked += 1
        question = hashlib.sha256(str(self._asked).encode()).hexdigest()
        answer = await caller.send(AGENT, question, meshgate_deadline="5")
        self.codes[answer.code] += 1
        if answer.result:
            task = answer.result["task"]
            if task["status"]["state"] == "TASK_STATE_COMPLETED":
                text = task["artifacts"][0]["parts"][0]["text"]
                self.wrong += [] if text == question else [f"{question[:8]}: {text[:40]}"]

    async def fill(self) -> None:
        """Make so many calls that records are full, at both gateways. They are like those that follow: a record of a
        refused call is smaller.
        """
        async with aiohttp.ClientSession(trust_env=False) as session:
            for caller in self.callers(session):
                waiting = iter(range(_FILL))

                async def some(caller: Caller = caller, waiting: Iterator[int] = waiting) -> None:
                    for _ in waiting:
                        await self.ask(caller)

                await asyncio.gather(*(some() for _ in range(48)))

    # -- who is about

    async def honest(self, session: aiohttp.ClientSession) -> None:
        for caller in self.callers(session):
            await self.ask(caller)
        await asyncio.sleep(0.05)

    async def hostile(self, session: aiohttp.ClientSession) -> None:
        for gateway, caller in zip(self.gateways, self.callers(session), strict=True):
            await push(gateway.port, b"[" * 200_000, "mg_client_0_made-up")
            await push(gateway.port, b'{"jsonrpc":', gateway.ran.client_key)
            await caller.send("nobody")
            await caller.get(AGENT, "x" * 100)
        await asyncio.sleep(0.1)

    async def leaving(self, session: aiohttp.ClientSession) -> None:
        for caller in self.callers(session):
            asked = asyncio.ensure_future(caller.send(AGENT, "wait 5", meshgate_deadline="8"))
            await asyncio.sleep(0.1)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    async def dying(self, _: aiohttp.ClientSession) -> None:
        await asyncio.sleep(6.0)
        name = min(self.crew.workers)
        self.crew.workers.pop(name).kill()
        self.crew.hire(f"{name.rpartition('-')[0]}-{int(name.rpartition('-')[2]) + 4}")

    async def troubles(self, seconds: float) -> None:
        """Consul is away for a twentieth of the time, and then the disk is full for as long."""
        await asyncio.sleep(seconds * 0.3)
        self.server.stop()
        await asyncio.sleep(seconds / 20)
        await asyncio.to_thread(self.server.start)
        await asyncio.sleep(seconds * 0.2)
        limits = {each.pid: resource.prlimit(each.pid, resource.RLIMIT_FSIZE) for each in self.gateways}
        for pid, (_, hard) in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        await asyncio.sleep(seconds / 20)
        for pid, before in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    async def run(self, seconds: float, *, troubles: bool = True) -> None:
        """All callers and agents for so many seconds, and the troubles of Consul and the disk."""
        until = time.monotonic() + seconds

        async def again(do: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> None:
            async with aiohttp.ClientSession(trust_env=False) as session:
                while time.monotonic() < until:
                    await do(session)

        crowd = (*[self.honest] * 4, self.hostile, self.leaving, self.dying)
        await asyncio.gather(*(again(each) for each in crowd), *([self.troubles(seconds)] if troubles else []))

    # -- what is left

    async def open_calls(self) -> float:
        return sum([await each.metric("meshgate_open_calls") for each in self.gateways])

    def memory(self) -> float:
        return sum(resident(each.pid) for each in self.gateways)

    def files(self) -> int:
        return sum(open_files(each.pid) for each in self.gateways)


def _key(gateway: GatewayUnderTest) -> str:
    return gateway.ran.client_key


async def _measure(folder: Path, report: Report, seconds: float) -> None:
    async with aiohttp.ClientSession(trust_env=False) as session:
        with consul(persistent=True) as server:
            async with open_crew(folder / "crew", server, session, report, limits=_RATE) as crew:
                home = folder / "second"
                home.mkdir(mode=0o700)
                shutil.copy(crew.gateway.home / "mesh.key", home / "mesh.key")
                url = f"consul://127.0.0.1:{server.port}"
                second = await GatewayUnderTest(home, session, registry=url, limits=_RATE).start()
                try:
                    await _soaked(_Soak(crew, second, server, report), seconds)
                finally:
                    await second.stop()


async def _soaked(soak: _Soak, seconds: float) -> None:
    report = soak.report

    async def listed() -> bool:
        found = [await each.instances(AGENT) for each in soak.gateways]
        return found == [soak.crew.names] * 2

    await eventually(listed, within=60)
    report.say("F113: calls until the records are full")
    await soak.fill()
    # What a process takes once, it keeps: the start is a mesh that has seen all kinds of callers already.
    await soak.run(15.0, troubles=False)
    await eventually(listed, within=_RESTS)
    await asyncio.sleep(10.0)
    memory, files = soak.memory(), soak.files()
    report.say(f"F113: everything at once for {seconds:.0f} s")
    await soak.run(seconds)
    report.say(f"F113: answers by code: {dict(soak.codes)}")
    await eventually(listed, within=_RESTS)

    async def rests() -> bool:
        return await soak.open_calls() == 0 and soak.files() <= files * 1.05

    with contextlib.suppress(TimeoutError):
        await eventually(rests, within=_RESTS, every=0.5)
    report.measure("F113", "wrong_answers", len(soak.wrong), "; ".join(soak.wrong[:3]))
    report.measure("F113", "no_answers", int(not soak.codes[""]))
    report.measure("F113", "open_calls", await soak.open_calls())
    report.measure("F113", "open_files", soak.files() / files, f"{files} before")
    report.measure("F113", "memory", soak.memory() / memory, f"{memory:.0f} MiB before")


def main() -> int:
    """Soak, and say whether anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how long; 600 if not given")
    seconds: float = parser.parse_args().seconds
    report = Report(frozenset({SOAK}))
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        asyncio.run(_measure(Path(name), report, seconds))
    failed = sum(found == "FAIL" for found in report.verdicts.values())
    print(f"{len(report.verdicts) - failed} passed, {failed} failed in {report.seconds():.0f} s")
    return 1 if failed or not report.verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
