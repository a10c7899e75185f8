"""Stops loops and chains that are too deep. It opens the call list because it needs the resolved agent and skill."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import DepthExceeded, LoopDetected
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.gateway.observe.records import CallRecord, Records
from meshgate.gateway.policies.arrival.lineage import Parents, priced
from meshgate.registry.groups import ANY_SKILL

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
            times = f"{route.reentrant} time{'s' if route.reentrant > 1 else ''}"
            raise self._refusal(
                LoopDetected,
                f"{route.agent}.{route.skill} may stand on a path {times}",
                lineage,
                route,
                route.reentrant,
            )
        depth = max(len(path) for path in parents.paths) + 1
        if depth > self._limits.depth:
            what = f"the chain is {depth} calls deep, the limit is {self._limits.depth}"
            raise self._refusal(DepthExceeded, what, lineage, route, self._limits.depth)
        return call

    def _refusal(
        self, cls: type[LoopDetected | DepthExceeded], what: str, lineage: Lineage, route: Route, limit: int
    ) -> LoopDetected | DepthExceeded:
        where = _spell(lineage.path, route)
        error = cls(f"{what} (path {where})", metadata={"path": where, "limit": str(limit)})
        job = self._records.job(lineage.job)
        # Elsewhere the price is the home's to say, and the lineage policy, which can wait, asks for it.
        return priced(error, job.spent(self._clock())) if job is not None and job.home else error


def _visits(path: tuple[Step, ...], route: Route) -> int:
    count = 0
    for step in path:
        # A foreign agent called by name may have used any of its skills.
        if step.agent == route.agent and (step.skill == route.skill or ANY_SKILL in (step.skill, route.skill)):
            count += 1
    return count


def _spell(path: tuple[Step, ...], route: Route) -> str:
    return " → ".join(f"{step.agent}.{step.skill}" for step in (*path, Step(route.agent, route.skill)))
