"""Recent calls: those that each agent answered last, which may be the parents of calls that it makes afterwards."""

from __future__ import annotations

from collections import OrderedDict, deque

from meshgate.a2a.limits import Limits
from meshgate.gateway.jobs.open_call import OpenCall

__all__ = ["RecentCalls"]


class RecentCalls:
    """The recent calls of one gateway, by agent and tenant; the oldest go when there are too many."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_agent: OrderedDict[tuple[str, str], deque[OpenCall]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, entry: OpenCall) -> None:
        """Add a call whose answer has ended."""
        key, most = (entry.route.agent, entry.tenant), self._limits.agent_recent
        kept = self._by_agent.get(key)
        if kept is None:
            kept = self._by_agent[key] = deque(maxlen=most)
        else:
            self._by_agent.move_to_end(key)
        full = len(kept) == most
        kept.append(entry)  # a full one drops its oldest
        if not full:
            self._count += 1
            if self._count > self._limits.recent_calls:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        key, kept = next(iter(self._by_agent.items()))
        kept.popleft()
        self._count -= 1
        if not kept:
            del self._by_agent[key]

    def find(self, agent: str, tenant: str) -> tuple[OpenCall, ...]:
        """The calls that ``agent`` answered last; the latest answer is last."""
        return tuple(self._by_agent.get((agent, tenant), ()))
