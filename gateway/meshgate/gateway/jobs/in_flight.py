"""Calls in flight: the calls that are open to each agent, so that the calls an agent makes meanwhile find a parent.

A call whose task goes on after its answer stays a possible parent until its deadline, or until an answer says that the
task has ended. A call that was answered is kept for a while, for the calls that an agent makes afterwards. An operation
on a task is never a parent, but counts as an open call.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from meshgate.a2a.call import Call, Route
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.lineage import Lineage, visit
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.open_call import OpenCall
from meshgate.gateway.jobs.recent_calls import RecentCalls
from meshgate.telemetry.context import TraceContext

__all__ = ["InFlight"]

_NOWHERE = Route("", "", "", ())
_NO_JOB = Lineage("", "")
_NO_TRACE = TraceContext("", "", sampled=False)
_OPEN_STATES = frozenset({"TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"})


class InFlight:
    """The calls in flight of one gateway.

    Args:
        clock: monotonic seconds. wall: seconds since the epoch.
    """

    def __init__(
        self,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._open: dict[str, dict[str, OpenCall]] = {}
        self._on_tasks = 0
        self._task_goes_on: dict[str, OrderedDict[str, OpenCall]] = {}
        self._known: OrderedDict[str, OpenCall] = OrderedDict()
        self._recent = RecentCalls(limits)

    def open(self, call: Call) -> OpenCall:
        """Add a call that goes to its agent: from here on it may be another call's parent."""
        route, lineage = call.route or _NOWHERE, call.lineage
        entry = OpenCall(
            call.id, route, call.principal.tenant, lineage, call.fact(TraceContext), call.deadline, self._wall()
        )
        if lineage is None:
            self._on_tasks += 1
            return entry
        self._open.setdefault(route.agent, {})[entry.id] = entry
        self._known[entry.id] = entry
        if len(self._known) > self._limits.records:
            self._known.popitem(last=False)
        return entry

    def close(self, entry: OpenCall, *, sent: bool = True) -> None:
        """End a call; its task may go on. A call that was not sent is no parent of what its agent does next."""
        agent = entry.route.agent
        if entry.lineage is None:
            self._on_tasks -= 1
        else:
            open_calls = self._open.get(agent)
            if open_calls is not None and open_calls.pop(entry.id, None) is not None and not open_calls:
                del self._open[agent]
            if sent and entry.answered is None:
                entry.answered = self._clock()
                self._recent.add(entry)
        if entry.state in _OPEN_STATES:
            if entry.lineage is not None:
                self._keep(agent, entry)
        elif entry.task:
            self._forget_task(agent, entry.task)

    def _keep(self, agent: str, entry: OpenCall) -> None:
        kept = self._task_goes_on.setdefault(agent, OrderedDict())
        kept[entry.id] = entry
        while len(kept) > self._limits.agent_tasks or next(iter(kept.values())).deadline < self._clock():
            kept.popitem(last=False)
            if not kept:
                del self._task_goes_on[agent]
                return

    def _forget_task(self, agent: str, task: str) -> None:
        # The task has ended, so that later calls of the agent cannot be made on its behalf.
        kept = self._task_goes_on.get(agent)
        if kept is None:
            return
        for entry in [entry for entry in kept.values() if entry.task == task]:
            del kept[entry.id]
        if not kept:
            del self._task_goes_on[agent]

    def find(self, agent: str, tenant: str) -> list[Flight]:
        """The calls that are open to ``agent`` now, or whose tasks are; the one that started last is last."""
        now = self._clock()
        found = list(self._open.get(agent, {}).values())
        kept = self._task_goes_on.get(agent)
        if kept is not None:
            found += [entry for entry in kept.values() if entry.deadline > now]
        mine = sorted((entry for entry in found if entry.tenant == tenant), key=lambda entry: entry.started)
        return [_flight(entry, now) for entry in mine]

    def answered(self, agent: str, tenant: str) -> list[Flight]:
        """The calls that ``agent`` answered last; the latest answer is last. Their time left is that of the call."""
        now = self._clock()
        recent = self._recent.find(agent, tenant)
        return [_flight(entry, now, now - entry.answered) for entry in recent if entry.answered is not None]

    def get(self, call_id: str) -> Flight | None:
        """A recent call to an agent, whether or not it has ended; None if it is not known here."""
        entry = self._known.get(call_id)
        return _flight(entry, self._clock()) if entry is not None else None

    @property
    def count(self) -> int:
        """The number of calls that are open to agents now."""
        return self._on_tasks + sum(len(calls) for calls in self._open.values())


def _flight(entry: OpenCall, now: float, answered: float | None = None) -> Flight:
    route, lineage, trace = entry.route, entry.lineage or _NO_JOB, entry.trace or _NO_TRACE
    return Flight(
        entry.id,
        lineage.job,
        visit(lineage.path, route.agent, route.skill),
        entry.deadline - now,
        entry.started,
        trace.trace_id,
        trace.span_id,
        trace.sampled,
        answered,
    )
