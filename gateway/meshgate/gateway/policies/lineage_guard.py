"""Stops loops and chains that are too deep. It opens the call list because it needs the resolved agent and skill."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.call import Call, Route
from meshgate.a2a.defaults import Limits
from meshgate.a2a.errors import DepthExceeded, LoopDetected
from meshgate.a2a.lineage import Step
from meshgate.gateway.policies.lineage import Parents
from meshgate.gateway.records import CallRecord, Records
from meshgate.registry.selection import ANY_SKILL

__all__ = ["LineageGuard"]


class LineageGuard:
    """Counts visits per (agent, skill) on the path, and the path's length.

    A call whose parent was worked out is refused only if every path that may have led to it has the visit.
    """

    name = "lineage_guard"

    def __init__(self, records: Records, limits: Limits, clock: Callable[[], float]) -> None:
        self._records = records
        self._limits = limits
        self._clock = clock

    def admit(self, call: Call, /) -> Call:
        route, lineage, parents = call.route, call.lineage, call.fact(Parents)
        if route is None or lineage is None or parents is None:
            return call
        record = call.fact(CallRecord)
        if record is not None:
            record.path = (*lineage.path, Step(route.agent, route.skill))
        if all(_visits(path, route) >= route.reentrant for path in parents.paths):
            where = _spell(lineage.path, route)
            raise LoopDetected(
                f"{route.agent}.{route.skill} is already on the path {where}, and may stand there "
                f"{route.reentrant} time{'s' if route.reentrant > 1 else ''} ({self._price(lineage.job)})",
                metadata={"path": where, "limit": str(route.reentrant), "price": self._price(lineage.job)},
            )
        depth = max(len(path) for path in parents.paths) + 1
        if depth > self._limits.depth:
            where = _spell(lineage.path, route)
            raise DepthExceeded(
                f"the chain {where} is {depth} calls deep, the limit is {self._limits.depth} "
                f"({self._price(lineage.job)})",
                metadata={"path": where, "limit": str(self._limits.depth), "price": self._price(lineage.job)},
            )
        return call

    def _price(self, job_id: str) -> str:
        job = self._records.job(job_id)
        return job.spent(self._clock()) if job is not None else "price not known here"


def _visits(path: tuple[Step, ...], route: Route) -> int:
    count = 0
    for step in path:
        # A foreign agent called by name may have used any of its skills.
        if step.agent == route.agent and (step.skill == route.skill or ANY_SKILL in (step.skill, route.skill)):
            count += 1
    return count


def _spell(path: tuple[Step, ...], route: Route) -> str:
    return " → ".join(f"{step.agent}.{step.skill}" for step in (*path, Step(route.agent, route.skill)))
