"""Calls per second of one key to one agent: the generic cell rate algorithm (ITU-T I.371), a token bucket in one
number.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from meshgate.a2a.call import Call
from meshgate.a2a.errors import RateLimited

__all__ = ["RateLimit"]

_KEYS = 100_000
"""Buckets that are kept; the one used longest ago goes first, and by then it is full again."""


class RateLimit:
    """Refuses what comes faster than ``rate`` a second beyond a ``burst``.

    Args:
        rate: calls per second over all gateways; each holds its share, never below one.
        live: how many gateways share it.
    """

    name = "rate_limit"

    def __init__(self, rate: float, burst: int, live: Callable[[], int], clock: Callable[[], float]) -> None:
        if not rate > 0 or burst < 1:
            raise ValueError("a rate limit needs rate > 0 and burst >= 1")
        self._rate = rate
        self._burst = burst
        self._live = live
        self._clock = clock
        self._due: OrderedDict[tuple[str, str], float] = OrderedDict()

    def admit(self, call: Call, /) -> Call:
        now = self._clock()
        gateways = self._live()
        rate = max(1.0, self._rate / gateways)
        burst = max(1.0, self._burst / gateways)
        key = (call.principal.id, call.route.agent if call.route else "")
        # The time at which the bucket would be full again; it may lie at most ``burst`` calls ahead.
        due = max(self._due.get(key, 0.0), now)
        ahead = due + 1 / rate - now
        if ahead > burst / rate:
            wait = ahead - burst / rate
            raise RateLimited(
                f"{key[0]} may call {key[1]} {rate:g} times a second here (burst {burst:g}; "
                f"{self._rate:g} a second over {gateways} gateway{'s' if gateways > 1 else ''})",
                retry_after=wait,
                metadata={"share": f"{rate:g}/s", "limit": f"{self._rate:g}/s"},
            )
        self._due[key] = due + 1 / rate
        self._due.move_to_end(key)
        if len(self._due) > _KEYS:
            self._due.popitem(last=False)
        return call
