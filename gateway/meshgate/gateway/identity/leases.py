"""The leases of instances, as far as credentials depend on them: a call key ends with its instance's lease."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from meshgate.a2a.limits import Limits
from meshgate.registry.index import Index
from meshgate.registry.model import Delta

__all__ = ["Leases"]


class Leases:
    """Says whether the instance behind a call key is registered.

    Args:
        index: the registry's content, watched.
        clock: monotonic seconds.
    """

    def __init__(self, index: Index, limits: Limits, clock: Callable[[], float]) -> None:
        self._index = index
        self._limits = limits
        self._clock = clock
        self._first_seen: OrderedDict[str, float] = OrderedDict()
        self._left: OrderedDict[str, None] = OrderedDict()

    def registered(self, instance: str, agent: str) -> bool:
        """Whether an instance of an agent is registered. One never heard of is given the time of one lease."""
        entry = self._index.entries.get(instance)
        if entry is not None:
            return entry.instance.agent == agent
        if instance in self._left:
            return False
        first = self._first_seen.setdefault(instance, self._clock())
        if len(self._first_seen) > self._limits.records:
            self._first_seen.popitem(last=False)
        return self._clock() - first < self._limits.lease

    def learn(self, delta: Delta) -> None:
        """Take over what changed in the registry."""
        for entry in delta.put:
            self._left.pop(entry.instance.id, None)
            self._first_seen.pop(entry.instance.id, None)
        for gone in delta.gone:
            self._left[gone] = None
            if len(self._left) > self._limits.records:
                self._left.popitem(last=False)
