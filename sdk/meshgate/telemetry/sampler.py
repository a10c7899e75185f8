"""Decides which jobs are traced."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.limits import DEFAULTS
from meshgate.telemetry.context import TraceContext

__all__ = ["Sampler"]


class Sampler:
    """Records every job up to ``rate`` a second, and one in ``rest`` of those beyond.

    A caller from outside that asks for a record spends from the same rate, so that a flood of set bits is no flood of
    spans; one that asks for none is left alone. A caller without an opinion sends no ``traceparent``.

    Args:
        rate: jobs per second. As many may come at once; below 1, one may.
        clock: monotonic seconds.
        rest: which share of the others is recorded: one in so many. 0 is none of them.
    """

    __slots__ = ("_beyond", "_burst", "_clock", "_rate", "_rest", "_then", "_tokens")

    def __init__(self, rate: float, clock: Callable[[], float], rest: int = DEFAULTS.traces_beyond) -> None:
        if rate < 0 or rest < 0:
            raise ValueError(f"a sampler takes no negative numbers: rate={rate}, rest={rest}; 0 turns either off")
        self._rate, self._rest, self._clock = rate, rest, clock
        self._burst = max(rate, 1.0) if rate else 0.0
        self._tokens, self._then, self._beyond = self._burst, clock(), 0

    def sample(self, parent: TraceContext | None) -> bool:
        """Whether a job is recorded, given the context that its caller sent. Calls inside a job follow the job."""
        if parent is not None and not parent.sampled:
            return False
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._then) * self._rate)
        self._then = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        self._beyond += 1
        return self._rest > 0 and self._beyond % self._rest == 0
