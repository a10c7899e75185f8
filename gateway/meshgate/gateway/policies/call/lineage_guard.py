"""The lineage guard: stops loops of calls, and chains of calls that are too deep."""

from __future__ import annotations

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import DepthExceeded, LoopDetected
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh.lineage import Step, spell, visit
from meshgate.gateway.facts import Parents
from meshgate.registry.groups import ANY_SKILL

__all__ = ["LineageGuard"]


class LineageGuard:
    """Counts visits per (agent, skill) on the path, and the path's length.

    A call whose parent was worked out is refused only if every path that may have led to it has the visit. The policy
    ``lineage``, which can wait, adds the price of the job to the refusal.
    """

    name = "lineage_guard"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def admit(self, call: Call, /) -> Call:
        route, lineage, parents = call.route, call.lineage, call.fact(Parents)
        if route is None or lineage is None or parents is None:
            return call
        if all(_visits(path, route) >= route.reentrant for path in parents.paths):
            times = f"{route.reentrant} time{'s' if route.reentrant > 1 else ''}"
            what = f"{route.agent}.{route.skill} may stand on a path {times}"
            raise _refusal(LoopDetected, what, visit(lineage.path, route.agent, route.skill), route.reentrant)
        depth = len(lineage.path) + 1
        if depth > self._limits.depth:
            what = f"the chain is {depth} calls deep, the limit is {self._limits.depth}"
            raise _refusal(DepthExceeded, what, visit(lineage.path, route.agent, route.skill), self._limits.depth)
        return call


def _refusal(
    cls: type[LoopDetected | DepthExceeded], what: str, path: tuple[Step, ...], limit: int
) -> LoopDetected | DepthExceeded:
    where = spell(path)
    return cls(f"{what} (path {where})", metadata={"path": where, "limit": str(limit)})


def _visits(path: tuple[Step, ...], route: Route) -> int:
    count = 0
    for step in path:
        # A foreign agent called by name may have used any of its skills.
        if step.agent == route.agent and (step.skill == route.skill or ANY_SKILL in (step.skill, route.skill)):
            count += 1
    return count
