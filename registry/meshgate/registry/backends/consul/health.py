"""Liveness of Consul's entries: which of them count as alive. Pure, timed on the reader's own clock.

What Consul's checks say is believed, except where it may come from an outage of Consul or of a gateway:

* A critical check without output has not been made yet, because Consul restarted: it gets time to be made.
* A TTL that ran out just before this reader began may only mean that no gateway passed renewals on.
* With a lost node Consul's agent there is gone, but not necessarily the instances that registered through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshgate.registry.backends.consul.entry import Lease

__all__ = ["Liveness"]

NODE_GRACE = 300.0
"""Seconds for which entries of a lost Consul node are still believed; breakers keep calls off those that are dead."""


SHORTEST_INTERVAL = 1.0
"""The shortest interval, in seconds, at which Consul makes an HTTP check."""


class Liveness:
    """Decides for each entry whether it is alive, and when to look again.

    Args:
        ttl: seconds that a lease lasts.
        settle: seconds that a Consul agent may take, after a restart, to tell the servers what its checks say.
    """

    def __init__(self, ttl: float, settle: float) -> None:
        self._ttl = ttl
        self._settle = settle
        self._began: float | None = None
        self._since: dict[tuple[str, str], float] = {}
        self.again: float | None = None
        """When a decision may change although Consul reports nothing, or None."""

    def begin(self, now: float) -> None:
        """Start a round over all entries. The first is the first that Consul answered, perhaps after an outage."""
        self.again = None
        if self._began is None:
            self._began = now

    def alive(self, key: str, checks: Iterable[Mapping[str, Any]], lease: Lease, interval: float, now: float) -> bool:
        """Whether the entry ``key`` (unique over nodes) may be called. ``interval``: seconds between HTTP checks."""
        node_lost = unjudged = over = False
        for check in checks:
            if check["Status"] != "critical":
                continue
            if not check.get("ServiceID"):
                node_lost = True
            elif not check.get("Output"):
                unjudged = True
            else:
                over = True
        asking = 2 * max(interval, SHORTEST_INTERVAL) if lease == "http" else 0.0
        patience = self._settle + max(self._ttl, asking)
        doubts = ((node_lost, "node", NODE_GRACE), (unjudged, "unjudged", patience))
        verdicts = [self._within(key, doubt, grace, now) for holds, doubt, grace in doubts if holds]
        for holds, doubt, _ in doubts:
            if not holds:
                self._since.pop((key, doubt), None)
        if over:
            began = now if self._began is None else self._began
            verdicts.append(lease == "ttl" and self._pending(began + self._settle + self._ttl, now))
        return all(verdicts)

    def _within(self, key: str, doubt: str, grace: float, now: float) -> bool:
        return self._pending(self._since.setdefault((key, doubt), now) + grace, now)

    def _pending(self, end: float, now: float) -> bool:
        if now >= end:
            return False
        self.again = end if self.again is None else min(self.again, end)
        return True

    def keep(self, keys: set[str]) -> None:
        """Forget entries that are not among ``keys``."""
        self._since = {pair: since for pair, since in self._since.items() if pair[0] in keys}
