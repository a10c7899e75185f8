"""Hold-down: a registry that suddenly lists far less is not believed at once. Pure, timed by its caller.

Agents stop a few at a time. When more than half of all entries go at once, it is likelier that the registry lost them:
its disk was wiped, it was restored from a backup, or no gateway ran to pass renewals on. Entries that went missing so
stay listed until they are back, or until their time is over. After a registry was out of reach, whatever it lacks gets
time to register again. Nothing probes a held entry: breakers and retries keep calls off an address that is dead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.model import Delta, Entry

__all__ = ["HoldDown"]


class HoldDown:
    """Decides which part of a delta to believe now.

    Args:
        hold: seconds after which a drop is believed although it looks wrong.
        grace: seconds for which an entry is kept that is missing when a watch begins again: one lease.
        share: the part of all entries whose loss looks wrong.
        window: seconds over which losses are added up.
        floor: fewer losses than this never look wrong, unless a watch began again.
    """

    def __init__(
        self,
        *,
        hold: float = DEFAULTS.hold_down,
        grace: float = DEFAULTS.hold_down_grace,
        share: float = DEFAULTS.hold_down_share,
        window: float = DEFAULTS.hold_down_window,
        floor: int = DEFAULTS.hold_down_floor,
    ) -> None:
        self._hold = hold
        self._grace = grace
        self._share = share
        self._window = window
        self._floor = floor
        self._held: dict[str, float] = {}
        self._gone: deque[float] = deque()

    @classmethod
    def within(cls, limits: Limits) -> HoldDown:
        """The rule with a gateway's limits."""
        return cls(
            hold=limits.hold_down,
            grace=limits.hold_down_grace,
            share=limits.hold_down_share,
            window=limits.hold_down_window,
            floor=limits.hold_down_floor,
        )

    @property
    def held(self) -> frozenset[str]:
        """Ids of entries that the registry no longer lists, and that are kept nevertheless."""
        return frozenset(self._held)

    def due(self) -> float | None:
        """When the next entry's time is over, or None if none is held."""
        return min(self._held.values(), default=None)

    def sift(self, delta: Delta, known: Mapping[str, Entry], now: float) -> Delta:
        """The part of ``delta`` to believe at ``now``, never a reset; ``known`` is what is listed so far."""
        put = tuple(entry for entry in delta.put if not entry.same(known.get(entry.instance.id)))
        for entry in delta.put:
            self._held.pop(entry.instance.id, None)
        listed = {entry.instance.id for entry in delta.put}
        missing = (known.keys() - listed) if delta.reset else (known.keys() & set(delta.gone))
        missing -= self._held.keys()
        # An instance that was draining left on purpose.
        sudden = {key for key in missing if not known[key].instance.draining}
        wrong = self._looks_wrong(len(sudden), len(known), delta.reset, now)
        if wrong or delta.reset:
            self._held.update(dict.fromkeys(sudden, now + (self._hold if wrong else self._grace)))
            missing -= sudden
        self._gone.extend(now for key in missing if key in sudden)
        return msgspec.structs.replace(delta, put=put, gone=tuple(sorted(missing)), reset=False)

    def _looks_wrong(self, sudden: int, listed: int, reset: bool, now: float) -> bool:
        while self._gone and now - self._gone[0] > self._window:
            self._gone.popleft()
        lost = sudden + len(self._gone) + len(self._held)
        if not sudden or (lost < self._floor and not reset):
            return False
        return lost > self._share * (listed + len(self._gone))

    def release(self, now: float) -> Delta | None:
        """What time has confirmed, as a delta; None if nothing."""
        over = tuple(sorted(key for key, end in self._held.items() if end <= now))
        for key in over:
            del self._held[key]
        return Delta(gone=over) if over else None

    def forget(self) -> None:
        """The registry is out of reach: what it said last is neither confirmed nor refuted by the time that passes."""
        self._held.clear()
        self._gone.clear()
