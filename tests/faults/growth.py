"""What must not grow (F108): refused calls of a job, registrations again and again, names that nobody has."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.agents import Arrived, FaultAgent, Stage, answer_text, open_stage
from tests.faults.load import Answer, Caller
from tests.faults.processes import GatewayUnderTest, eventually, peak_memory, reset_peak
from tests.faults.report import Report

__all__ = ["growth"]

_MIB = 1024 * 1024
_MANIFEST = 480 * 1024
_AGAIN = 100
_RATE, _BURST = 500.0, 1000
_LIMITS = {"orphan_seconds": 1, "orphan_look": 1, "rate": _RATE, "burst": _BURST}
_AT_ONCE = 32


async def _many(ask: Callable[[int], Awaitable[Answer]], count: int) -> list[str]:
    """The codes of so many calls, a few at once."""
    codes: list[str] = []
    waiting = iter(range(count))

    async def one() -> None:
        for number in waiting:
            answer = await ask(number)
            codes.append(answer.code)

    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return codes


async def growth(folder: Path, session: aiohttp.ClientSession, report: Report, calls: int, names: int) -> None:
    """F108: memory and the registry's file come back, and everything that is refused counts against a rate."""
    gateway = GatewayUnderTest(folder, session, limits=_LIMITS)
    async with open_stage(gateway, session) as stage:
        tokens: asyncio.Queue[str] = asyncio.Queue()

        async def hold(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
            tokens.put_nowait(request.header("meshgate-lineage"))
            await done.wait()
            await answer_text(agent, request, receive, send)

        done = asyncio.Event()
        (front,) = await stage.join("front", hold)
        await stage.join("echo")
        pid = gateway.pid
        # Records of 10,000 jobs are kept, by design: a gateway that has been up for a while has as many.
        report.say("F108: calls until the records are full")
        await _many(lambda _: stage.caller.send("nobody"), 10_500)
        # What one large registration takes it takes once, however many there are: 30 of them took 12 MiB, 190 took 13.
        await _register(stage, -1)
        size = reset_peak(pid)

        report.say(f"F108: {calls} calls over a job's budget")
        parent = asyncio.ensure_future(stage.caller.send("front", meshgate_budget="calls=8"))
        token = await tokens.get()
        onward = Caller(session, gateway.url, lambda: front.call_key)
        codes = await _many(lambda _: onward.send("echo", meshgate_lineage=token), calls)
        done.set()
        await parent
        not_refused = sum(not code for code in codes)

        report.say(f"F108: {names} names that nobody has")
        unknown = await _many(lambda number: stage.caller.send(f"nobody-{number}"), names)
        report.measure("F108", "over_budget", max(0, not_refused - 8))
        both = {"BUDGET_EXHAUSTED", "RATE_LIMITED"}, {"NO_ROUTE", "RATE_LIMITED"}
        limited = all(wanted <= set(found) for wanted, found in zip(both, (codes, unknown), strict=True))
        report.measure("F108", "not_rate_limited", int(not limited), f"{set(codes)}, {set(unknown)}")
        called = peak_memory(pid) - size
        await _registrations(stage, report)
        rest = reset_peak(pid) - size
        report.measure("F108", "memory", max(0.0, rest), f"of the calls {called:.1f}")


async def _registrations(stage: Stage, report: Report) -> None:
    report.say(f"F108: one instance that registers {_AGAIN} times, each time with another manifest of 480 KB")
    file = stage.gateway.home / "registry.db"
    before = _size(file)
    for number in range(_AGAIN):
        await _register(stage, number)

    async def returned() -> bool:
        return _size(file) - before <= 2 * _MIB

    with contextlib.suppress(TimeoutError):
        await eventually(returned, within=30)
    report.measure("F108", "file_grew", max(0.0, (_size(file) - before) / _MIB))


async def _register(stage: Stage, number: int) -> None:
    """Register the instance with another manifest."""
    run = stage.gateway.ran
    card = json.dumps({"name": "large", "description": f"{number}" + "x" * _MANIFEST})
    registration = {
        "instanceId": "large-1",
        "agent": "large",
        "lasting": True,
        "endpoints": [{"binding": "JSONRPC", "url": "http://127.0.0.1:9/", "protocolVersion": "1.0"}],
        "manifest": {"agent": "large", "version": "1.0.0", "foreign": True, "cardJson": card},
    }
    url = f"{run.join}/meshgate.v1.RegistryService/Register"
    headers = {"authorization": f"Bearer {run.join_key}"}
    async with stage.session.post(url, json={"registration": registration}, headers=headers) as response:
        response.raise_for_status()


def _size(file: Path) -> int:
    # Without the log beside it, which SQLite itself keeps at 4 MiB.
    return file.stat().st_size
