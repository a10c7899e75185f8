"""The clock of leases: when a lease runs out, as one reader sees it.

The monotonic clocks of two processes, or of one process before and after a restart, have no common start. So a renewal
only raises a counter, and each reader times on its own clock how long a counter has not changed. It counts only the
time in which it was looking: a reader that was stopped for a minute cannot know whether anybody renewed meanwhile. A
reader that has just started gives every lease one full term.

Nor does it count the time in which no counter at all moves, beyond half a term: then nobody can write (the disk may be
full), and a store that fails must evict nobody. Every gateway renews a lease of its own, so in a store that works some
counter moves at each third of a term.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["LeaseClock"]


class LeaseClock:
    """How long each lease has gone without a renewal, in seconds of watched time.

    Args:
        ttl: seconds after which a lease is over.
        max_gap: the most that may count between two looks.
    """

    def __init__(self, ttl: float, *, max_gap: float = 1.0) -> None:
        self._ttl = ttl
        self._max_gap = max_gap
        self._watched = self._still = 0.0
        self._looked: float | None = None
        self._seen: dict[str, tuple[object, float]] = {}

    def look(self, now: float, counters: Mapping[str, object] | None = None) -> None:
        """Take in the counters by lease as they stand at ``now``; None if none has changed since the last look."""
        if self._looked is not None:
            gap = min(max(0.0, now - self._looked), self._max_gap)
            self._watched += min(gap, max(0.0, self._ttl / 2 - self._still))
            self._still += gap
        self._looked = now
        if counters is not None:
            known = self._seen
            if known.keys() != counters.keys() or any(known[key][0] != counter for key, counter in counters.items()):
                self._still = 0.0
            self._seen = {
                key: known[key] if key in known and known[key][0] == counter else (counter, self._watched)
                for key, counter in counters.items()
            }

    def over(self) -> set[str]:
        """The leases that have run out."""
        return self.older_than(self._ttl)

    def older_than(self, age: float) -> set[str]:
        """The leases that nobody has renewed for ``age`` seconds."""
        return {key for key, (_, since) in self._seen.items() if self._watched - since >= age}

    def forget(self, keys: Iterable[str]) -> None:
        """Stop timing these leases."""
        for key in keys:
            self._seen.pop(key, None)
