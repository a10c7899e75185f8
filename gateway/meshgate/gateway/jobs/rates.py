"""Rate limits: calls per second of one caller to one agent, one number for each pair.

The generic cell rate algorithm (ITU-T I.371) is a token bucket that keeps a single instant: when it would be full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import RateLimited
from meshgate.a2a.limits import DEFAULTS

__all__ = ["Rates", "call_words", "root_words", "search_words"]

_ROUNDING = 1e-6
"""Seconds by which a thousand additions to a clock of years may be off: the last call of a burst is not refused for
them."""


def call_words(agent: str) -> str:
    """What is bounded by the rate of calls to an agent."""
    return f"call {agent}" if agent else "ask for what is not here"


def root_words(_: str) -> str:
    """What is bounded by the rate of an agent's calls that nothing explains."""
    return "make calls without a lineage token while no call is open to it (limits.agent_roots)"


def search_words(_: str) -> str:
    """What is bounded by the rate of searches."""
    return "search or list the catalogue (limits.search_rate)"


class Rates:
    """One bucket for each (tenant, principal, agent).

    Args:
        rate: calls per second over all gateways; each holds its share, never below one.
        burst: calls that may come at once, shared likewise.
        live: returns how many gateways share them.
        clock: monotonic seconds.
        keys: buckets that are kept; the one used longest ago goes first, and by then it is full again.
        words: says what an agent's name in ``take`` stands for, for the refusal: ``call front``.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        live: Callable[[], int],
        clock: Callable[[], float],
        keys: int = DEFAULTS.rate_keys,
        words: Callable[[str], str] = call_words,
    ) -> None:
        if not rate > 0 or burst < 1:
            raise ValueError("a rate limit needs rate > 0 and burst >= 1")
        self._rate = rate
        self._burst = burst
        self._live = live
        self._clock = clock
        self._keys = keys
        self._words = words
        self._full: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._share(1)

    def _share(self, gateways: int) -> None:
        self._shared_by = gateways
        self._own_rate, self._own_burst = max(1.0, self._rate / gateways), max(1.0, self._burst / gateways)

    def take(self, principal: Principal, agent: str) -> None:
        """Take one call from a bucket; the agent "" stands for all names that do not exist.

        Raises:
            RateLimited: the bucket is empty.
        """
        now, gateways = self._clock(), self._live()
        if gateways != self._shared_by:
            self._share(gateways)
        rate, burst = self._own_rate, self._own_burst
        key = (principal.tenant, principal.id, agent)
        # The time at which the bucket would be full again; it may lie at most ``burst`` calls ahead.
        full = max(self._full.get(key, 0.0), now)
        ahead = full + 1 / rate - now
        wait = ahead - burst / rate
        if wait > _ROUNDING:
            raise self._refusal(principal, self._words(agent), wait)
        self._full[key] = full + 1 / rate
        self._full.move_to_end(key)
        if len(self._full) > self._keys:
            self._full.popitem(last=False)

    def _refusal(self, principal: Principal, what: str, wait: float) -> RateLimited:
        rate, burst, gateways = self._own_rate, self._own_burst, self._shared_by
        return RateLimited(
            f"{principal.id or principal.kind} may {what} {rate:g} times a second here (burst {burst:g}; "
            f"{self._rate:g} a second over {gateways} gateway{'s' if gateways > 1 else ''})",
            retry_after=wait,
            metadata={"share": f"{rate:g}/s", "limit": f"{self._rate:g}/s"},
        )
