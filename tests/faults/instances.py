"""An instance is killed (F35), or stopped and continued (F36), at 200 calls a second."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.crew import AGENT, Crew, now
from tests.faults.load import Load, Sample, failed
from tests.faults.processes import eventually

__all__ = ["killed", "stopped"]

_LATE_KILLED = 0.1
_LATE_STOPPED = 1.5
"""Seconds after the fault from which no send may fail: a dead instance shows at once, a silent one must be asked."""


async def _ended(load: Load, until: float) -> None:
    """Wait until the calls that were due before a time have ended, which their deadline sees to."""
    await asyncio.sleep(max(0.0, until + 4.0 - now()))


def _codes(samples: list[Sample]) -> str:
    return ", ".join(f"{each.kind} {each.code} {each.instance}" for each in samples[:8])


def _when(samples: list[Sample], began: float) -> str:
    return ", ".join(f"+{each.at - began:.2f} s {each.code}" for each in samples[:8])


def _other_than_unknown(samples: list[Sample]) -> list[Sample]:
    return [each for each in failed(samples, "send") if each.code != "OUTCOME_UNKNOWN"]


async def killed(crew: Crew) -> None:
    """F35: kill -9 of one of four."""
    report = crew.report
    load = crew.load()
    await load.warm()
    report.say("F35: kill -9 of one of four")
    async with load:
        await asyncio.sleep(3)
        began = now()
        crew.workers[f"{AGENT}-1"].kill()
        await asyncio.sleep(3)
        ended = now()
        await _ended(load, ended)
    samples = load.between(began - 1.0, ended)
    report.measure("F35", "get_errors", len(failed(samples, "get")), _codes(failed(samples, "get")))
    report.measure("F35", "send_errors", len(failed(samples, "send")), _codes(failed(samples, "send")))
    others = _other_than_unknown(samples)
    report.measure("F35", "other_than_unknown", len(others), _codes(others))
    late = failed(load.between(began + _LATE_KILLED, ended), "send")
    report.measure("F35", "late_errors", len(late), _when(late, began))
    crew.workers.pop(f"{AGENT}-1")
    crew.hire(f"{AGENT}-5")
    await eventually(crew.listed, within=30)


async def stopped(crew: Crew) -> None:
    """F36: SIGSTOP of one of four, SIGCONT six seconds later."""
    report, name = crew.report, f"{AGENT}-2"
    load = crew.load()
    await load.warm()
    report.say("F36: SIGSTOP of one of four")
    late_pending = 0
    async with load:
        await asyncio.sleep(2)
        began = now()
        crew.workers[name].signal(signal.SIGSTOP)
        await asyncio.sleep(_LATE_STOPPED)
        last = await _pending(crew, name)
        while now() < began + 6.0:
            found = await _pending(crew, name)
            late_pending += max(0, found - last)
            last = found
            await asyncio.sleep(0.05)
        ended = now()
        crew.workers[name].signal(signal.SIGCONT)

        async def back() -> bool:
            return any(each.instance == name for each in load.between(ended))

        try:
            took = await eventually(back, within=20)
        except TimeoutError:
            took = 20.0
        await _ended(load, ended)
    samples = load.between(began, ended)
    gets = [each for each in samples if each.kind == "get"]
    report.measure("F36", "get_errors", len(failed(gets)), _codes(failed(gets)))
    report.measure("F36", "slowest_get_ms", 1000 * max(each.seconds for each in gets))
    others = _other_than_unknown(samples)
    report.measure("F36", "other_than_unknown", len(others), _codes(others))
    report.measure("F36", "sent_there_late", late_pending)
    late = failed(load.between(began + _LATE_STOPPED, ended), "send")
    report.measure("F36", "late_errors", len(late), _when(late, began))
    report.measure("F36", "back_s", took)
    report.say(f"sends that ended as OUTCOME_UNKNOWN: {len(failed(samples, 'send'))} of {len(samples) - len(gets)}")


async def _pending(crew: Crew, name: str) -> int:
    views = await crew.gateway.admin("/api/v1/instances")
    return sum(each["pending"] for each in views if each["id"] == name)
