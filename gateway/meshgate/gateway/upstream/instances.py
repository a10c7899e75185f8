"""The instances this gateway may send to, kept in step with the registry."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.breaker import Breaker
from meshgate.gateway.upstream.instance import Access, Instance
from meshgate.registry.model import Delta, Entry
from meshgate.registry.model import Instance as Listed

__all__ = ["Instances"]


class Instances:
    """All instances by id, kept in step with the registry.

    Args:
        secret: gives the inbound secret of an instance.
        access: gives what a foreign agent is shown, if an operator gave something.
    """

    def __init__(
        self,
        secret: Callable[[Listed], str],
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        access: Callable[[Entry], Access | None] = lambda _: None,
    ) -> None:
        self._secret, self._access = secret, access
        self._limits = limits
        self._clock = clock
        self._rng = rng or random.Random()
        self._by_id: dict[str, Instance] = {}
        self.on_gone: list[Callable[[Instance], None]] = []
        """Called with each instance that is no longer listed, or has another address or credential."""

    def apply(self, delta: Delta) -> None:
        """Apply what changed in the registry. An instance that stays keeps its breaker, load and health."""
        if delta.reset:
            kept = {entry.instance.id for entry in delta.put}
            for gone in [instance for instance in self._by_id if instance not in kept]:
                self._drop(gone)
        for gone in delta.gone:
            self._drop(gone)
        for entry in delta.put:
            if entry.instance.kind == "agent":
                self._put(entry)

    def _put(self, entry: Entry) -> None:
        known = self._by_id.get(entry.instance.id)
        if known is not None and _reached(known.entry) == _reached(entry):
            known.entry = entry
            return
        self._drop(entry.instance.id)
        breaker = Breaker(entry.instance.id, self._limits, self._clock, self._rng)
        secret = "" if entry.manifest.foreign else self._secret(entry.instance)
        made = self._by_id[entry.instance.id] = Instance(entry, breaker, self._clock, secret)
        made.access = self._access(entry)

    def _drop(self, instance_id: str) -> None:
        known = self._by_id.pop(instance_id, None)
        if known is not None:
            known.listed = False
            for tell in self.on_gone:
                tell(known)

    def get(self, instance_id: str) -> Instance | None:
        """The instance, or None."""
        return self._by_id.get(instance_id)

    def ready(self, ids: Iterable[str]) -> bool:
        """Whether any of these instances takes calls now."""
        return any((instance := self._by_id.get(name)) is not None and instance.ready() for name in ids)

    def load(self, ids: Iterable[str]) -> float:
        """The cost of one more call on the best of these instances: see ``Instance.load``; infinity if none is here."""
        return min((found.load() for name in ids if (found := self._by_id.get(name)) is not None), default=float("inf"))

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def states(self) -> dict[str, int]:
        """How many instances are in each breaker state, for metrics."""
        counts: dict[str, int] = {}
        for instance in self._by_id.values():
            state = instance.breaker.state if instance.healthy else "unhealthy"
            counts[state] = counts.get(state, 0) + 1
        return counts


def _reached(entry: Entry) -> tuple[object, ...]:
    """How an instance is reached: where that changes, what was measured and what is open say nothing any more."""
    terms = entry.manifest.terms
    return entry.instance.endpoints, terms.credential if terms is not None else ""
