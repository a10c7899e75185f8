"""The course of an audit: the questions, their batches, and what happens when one fails.

It knows no mesh. ``Ask`` sends a question to a capability, ``Tell`` reports progress; the planner gives both, and so do
tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from examples.audit.checks.forms import (
    Batch,
    Installed,
    Integrity,
    Inventory,
    Licence,
    Place,
    Report,
    Surroundings,
    Verdict,
    Wanted,
)
from examples.audit.checks.report import merge
from examples.audit.checks.texts import counted

__all__ = ["Again", "Ask", "Conductor", "Rejected", "Tell", "batches"]

Ask = Callable[[str, BaseModel], Awaitable[Any]]
"""Asks a capability, such as ``licence@1``, for the data of its answer; raises Again where another try may help."""
Tell = Callable[[str, str, float], Awaitable[None]]
"""Takes a step's name, how it goes, and how far the whole audit is, from 0 to 1."""
_T = TypeVar("_T")

_LICENCES = TypeAdapter(dict[str, Licence])
_INTEGRITY = TypeAdapter(dict[str, Integrity])
_BATCHES = {"licence": 3, "integrity": 8}
"""Most batches of each kind. With everything else, that is far below the calls that a job may make."""
_AT_ONCE = 4
"""Questions that are open at once."""
_TRIES = 5
_SHARES = {"inventory": 0.05, "licence": 0.1, "integrity": 0.75, "surroundings": 0.02, "critic": 0.08}
"""How much of the whole each step is, about."""


class Again(Exception):
    """No answer came, and it is unknown whether the agent worked on the question. These questions may be repeated."""


class Rejected(Exception):
    """The critic turned the report down, also after the repair; the message says why."""


def batches(installed: Sequence[Installed], most: int) -> list[list[Installed]]:
    """Divides distributions into at most ``most`` groups of about the same weight: the heaviest first, each to the
    lightest group.
    """
    groups: list[list[Installed]] = [[] for _ in range(min(most, len(installed)))]
    weights = [0] * len(groups)
    for one in sorted(installed, key=lambda one: (-one.weight, one.folder)):
        lightest = weights.index(min(weights))
        groups[lightest].append(one)
        weights[lightest] += one.weight + 1
    return groups


class Conductor:
    """One audit.

    Args:
        ask: sends a question.
        tell: reports progress.
        pause: waits so many seconds.
    """

    def __init__(self, ask: Ask, tell: Tell, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._ask_once = ask
        self._tell = tell
        self._pause = pause
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._done = 0.0
        self.asked = 0
        """Questions asked so far, repetitions included."""
        self.repeated = 0

    async def audit(self, env: str) -> Report:
        """The report, accepted by the critic.

        Raises:
            Rejected: the critic still turned it down after one repair.
            Again: an answer did not come, however often it was asked for.
        """
        inventory = await self._inventory(env)
        licences, integrity = await self._rows(inventory, inventory.distributions)
        report = await self._report(inventory, licences, integrity)
        verdict = await self._verdict(report)
        if verdict.accepted:
            return report
        await self._say("critic", f"rejected: {verdict.problems[0].what}; looking again", 0.0)
        report = await self._repaired(env, verdict, licences, integrity)
        verdict = await self._verdict(report)
        if not verdict.accepted:
            raise Rejected("; ".join(problem.what for problem in verdict.problems[:5]))
        return report

    # -- steps

    async def _inventory(self, env: str) -> Inventory:
        inventory = Inventory.model_validate(await self._ask("inventory@1", Wanted(env=env)))
        await self._say("inventory", counted(len(inventory.distributions), "distribution"), _SHARES["inventory"])
        return inventory

    async def _rows(
        self, inventory: Inventory, wanted: Sequence[Installed]
    ) -> tuple[dict[str, Licence], dict[str, Integrity]]:
        licences: dict[str, Licence] = {}
        integrity: dict[str, Integrity] = {}
        await _together(
            self._fan_out("licence", _LICENCES, inventory.place, wanted, licences),
            self._fan_out("integrity", _INTEGRITY, inventory.place, wanted, integrity),
        )
        return licences, integrity

    async def _fan_out(
        self,
        step: str,
        form: TypeAdapter[dict[str, _T]],
        place: Place,
        wanted: Sequence[Installed],
        found: dict[str, _T],
    ) -> None:
        groups = batches(wanted, _BATCHES[step])

        async def one(group: Sequence[Installed]) -> None:
            batch = Batch(place=place, folders=[each.folder for each in group])
            found.update(form.validate_python(await self._ask(f"{step}@1", batch)))
            await self._say(
                step, f"{len(found)} of {counted(len(wanted), 'distribution')}", _SHARES[step] / len(groups)
            )

        await _together(*(one(group) for group in groups))

    async def _report(
        self, inventory: Inventory, licences: Mapping[str, Licence], integrity: Mapping[str, Integrity]
    ) -> Report:
        startup = Surroundings.model_validate(await self._ask("startup@1", inventory.place))
        await self._say("startup", counted(startup.count, ".pth file"), _SHARES["surroundings"] / 2)
        commands = Surroundings.model_validate(await self._ask("commands@1", inventory.place))
        await self._say("commands", counted(commands.count, "command"), _SHARES["surroundings"] / 2)
        return merge(inventory, licences, integrity, startup, commands)

    async def _verdict(self, report: Report) -> Verdict:
        verdict = Verdict.model_validate(await self._ask("critic@1", report))
        if verdict.accepted:
            await self._say("critic", "the report adds up", 1.0)
        return verdict

    async def _repaired(
        self, env: str, verdict: Verdict, licences: Mapping[str, Licence], integrity: Mapping[str, Integrity]
    ) -> Report:
        """Check again what is installed now, what was never reported, and what the critic doubts."""
        inventory = await self._inventory(env)
        doubted = {problem.folder for problem in verdict.problems}
        known = (licences.keys() & integrity.keys()) - doubted
        wanted = [one for one in inventory.distributions if one.folder not in known]
        again = await self._rows(inventory, wanted)
        return await self._report(inventory, {**licences, **again[0]}, {**integrity, **again[1]})

    # -- questions and progress

    async def _ask(self, selector: str, said: BaseModel) -> Any:
        async with self._slots:
            for attempt in range(_TRIES):
                self.asked += 1
                try:
                    return await self._ask_once(selector, said)
                except Again as error:
                    if attempt == _TRIES - 1:
                        raise
                    self.repeated += 1
                    await self._say(selector.partition("@")[0], f"asking again ({error})", 0.0)
                await self._pause(0.1 * 2**attempt)
            raise AssertionError("unreachable")

    async def _say(self, step: str, how: str, share: float) -> None:
        self._done = min(self._done + share, 1.0)
        await self._tell(step, how, self._done)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Do several things at once; the first that fails ends the others, and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(work)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
