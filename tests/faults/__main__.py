"""Kill, stop and starve real processes, and measure what callers notice.

``python -m tests.faults [--quick] [--only F36]`` prints one line a measurement, ``F36 PASS get_errors=0 limit=0
calls``; the limits are in ``limits.py``. A time between one and three times its limit is SLOW. A time beyond that, and
any count, ratio or size over its limit, is FAIL and so is the program (exit code 1).
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.faults import (
    credentials,
    hostile,
    instances,
    jobs,
    onward,
    own_errors,
    raw_agents,
    registry,
    streams,
    tenants,
    upstream,
)
from tests.faults.agents import open_stage
from tests.faults.crew import open_crew
from tests.faults.growth import growth
from tests.faults.limits import LIMITS, SOAK
from tests.faults.processes import GatewayUnderTest
from tests.faults.registry_file import file_registry
from tests.faults.report import Report
from tests.faults.trio import consul_trio, no_leader
from tests.support.servers import consul

__all__ = ["main"]


class Setting(NamedTuple):
    """What a story is given."""

    report: Report
    session: aiohttp.ClientSession
    folder: Path
    quick: bool
    rows: frozenset[str]

    async def step(self, rows: str, run: Callable[[], Awaitable[None]]) -> None:
        """Measure some rows, if any is asked for. One that cannot be measured does not keep the others from it."""
        names = rows.split()
        if self.rows.isdisjoint(names):
            return
        try:
            await asyncio.wait_for(run(), 400)
        except Exception as error:  # noqa: BLE001 - whatever it is, the row has failed and the next one counts
            traceback.print_exc(file=sys.stderr)
            for row in names:
                self.report.failed(row, f"{type(error).__name__}: {error}")


async def _crew(setting: Setting) -> None:
    with consul(persistent=True) as server:
        async with open_crew(setting.folder / "crew", server, setting.session, setting.report) as crew:
            await setting.step("F35", lambda: instances.killed(crew))
            await setting.step("F36", lambda: instances.stopped(crew))
            seconds = 8.0 if setting.quick else 60.0
            await setting.step("F50", lambda: registry.killed(crew, seconds))
            await setting.step("F51", lambda: registry.hangs(crew, 4.0 if setting.quick else 60.0))
            await setting.step("F52", lambda: registry.without_consul(crew))
            await setting.step("F52", lambda: registry.restarted(crew, 12.0 if setting.quick else 45.0))
            await setting.step("F53", lambda: registry.wiped(crew))
            await setting.step("F58", lambda: registry.one_watch(crew, 40 if setting.quick else 250))


async def _trio(setting: Setting) -> None:
    with consul_trio(setting.folder) as servers:
        async with open_crew(setting.folder / "trio", servers[0], setting.session, setting.report) as crew:
            await no_leader(crew, servers[1:], 8.0 if setting.quick else 60.0)


async def _hostile(setting: Setting) -> None:
    report = setting.report
    async with open_stage(GatewayUnderTest(setting.folder / "target", setting.session), setting.session) as stage:
        (echo,) = await stage.join("echo")
        # First, because memory that a process once had and keeps would hide what an answer takes.
        await setting.step("F14", lambda: hostile.endless(stage, report))
        await setting.step("F5", lambda: hostile.huge_bodies(stage, report))
        await setting.step("F6", lambda: hostile.deep_json(stage, report))
        await setting.step("F7", lambda: hostile.wide_json(stage, report))
        await setting.step("F8", lambda: hostile.keys(stage, report, echo))
        await setting.step("F9", lambda: hostile.odd_values(stage, report))
        await setting.step("F10", lambda: hostile.batches(stage, report))
        await setting.step("F17", lambda: hostile.headers(stage, report, echo))
        await setting.step("F105", lambda: raw_agents.hold(stage, report))
        await setting.step("F102", lambda: credentials.bodies(stage, report))


async def _upstream(setting: Setting) -> None:
    report = setting.report
    async with open_stage(GatewayUnderTest(setting.folder / "stage", setting.session), setting.session) as stage:
        await setting.step("F31", lambda: upstream.one_fails(stage, report))
        await setting.step("F34", lambda: upstream.all_fail(stage, report))
        await setting.step("F43", lambda: upstream.heals(stage, report))
        await setting.step("F48", lambda: upstream.callers_leave(stage, report))
        await setting.step("F49", lambda: upstream.silent_sends(stage, report))
        await setting.step("F111", lambda: streams.ends(stage, report))
        await setting.step("F110", lambda: streams.quiet(stage, report, 12.0 if setting.quick else 120.0))


async def _retries(setting: Setting) -> None:
    gateway = GatewayUnderTest(setting.folder / "retries", setting.session, limits=upstream.NO_BREAKER)
    async with open_stage(gateway, setting.session) as stage:
        await setting.step("F34", lambda: upstream.half_fail(stage, setting.report))


async def _jobs(setting: Setting) -> None:
    report = setting.report
    gateway = GatewayUnderTest(setting.folder / "jobs", setting.session, limits=jobs.ROOMY)
    async with open_stage(gateway, setting.session) as stage:
        await setting.step("F73", lambda: jobs.loops(stage, report))
        await setting.step("F74", lambda: jobs.fan_out(stage, report))


async def _onward(setting: Setting) -> None:
    report = setting.report
    gateway = GatewayUnderTest(setting.folder / "onward", setting.session, limits=jobs.ROOMY)
    async with open_stage(gateway, setting.session) as stage:
        await setting.step("F98", lambda: onward.after_answers(stage, report))
        await setting.step("F99", lambda: onward.watched(stage, report))
        await setting.step("F112", lambda: own_errors.own_errors(stage, report))


async def _files(setting: Setting) -> None:
    work = functools.partial(file_registry, setting.folder / "files", setting.session, setting.report)
    await setting.step("F100 F101", work)


async def _tenants(setting: Setting) -> None:
    report, session, folder = setting.report, setting.session, setting.folder
    await setting.step("F106", lambda: tenants.impostors(folder / "impostors", session, report))
    async with open_stage(GatewayUnderTest(folder / "beside", session), session) as stage:
        (echo,) = await stage.join("echo")
        url = f"{stage.url}/{echo.instance}/"
        await setting.step("F107", lambda: tenants.tenants_apart(folder / "apart", session, report, url))


async def _growth(setting: Setting) -> None:
    calls, names = (4_000, 4_000) if setting.quick else (20_000, 10_000)
    work = functools.partial(growth, setting.folder / "growth", setting.session, setting.report, calls, names)
    await setting.step("F108", work)


async def _drain(setting: Setting) -> None:
    gateway = GatewayUnderTest(setting.folder / "drain", setting.session, limits={"drain": 4})
    async with open_stage(gateway, setting.session) as stage:
        await setting.step("F109", lambda: streams.drained(stage, setting.report, 100))


_ROWS = LIMITS.keys() - {SOAK}
_STORIES: dict[str, Callable[[Setting], Awaitable[None]]] = {
    "F5 F6 F7 F8 F9 F10 F14 F17 F102 F105": _hostile,
    "F31 F34 F43 F48 F49 F110 F111": _upstream,
    "F109": _drain,
    "F106 F107": _tenants,
    "F108": _growth,
    "F100 F101": _files,
    "F34": _retries,
    "F73 F74": _jobs,
    "F98 F99 F112": _onward,
    "F35 F36 F50 F51 F52 F53 F58": _crew,
    "F54": _trio,
}
"""Stories by the rows that they measure."""


async def _run(rows: frozenset[str], *, quick: bool) -> Report:
    report = Report(rows)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            setting = Setting(report, session, Path(name), quick, rows)
            for covers, story in _STORIES.items():
                await setting.step(covers, functools.partial(story, setting))
    return report


def main() -> int:
    """Measure, and say whether anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="shorter outages; every row is still measured")
    parser.add_argument("--only", action="append", choices=sorted(_ROWS), metavar="Fnn", help="this row; repeatable")
    told = parser.parse_args()
    rows = frozenset(told.only or _ROWS)
    report = asyncio.run(_run(rows, quick=told.quick))
    for each in report.missing():
        print(f"{each.partition(' ')[0]} FAIL not measured: {each.partition(' ')[2]}")
    counts = {word: sum(found == word for found in report.verdicts.values()) for word in ("PASS", "SLOW", "FAIL")}
    failed = counts["FAIL"] + len(report.missing())
    print(f"{counts['PASS']} passed, {counts['SLOW']} slow, {failed} failed in {report.seconds():.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
