"""Retries, within a budget: of safe methods, and of calls of which no byte was sent."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.metrics import Metrics

__all__ = ["Retry", "RetryBudget"]


class RetryBudget:
    """The retry budget: a share of the calls in a window, plus a floor. It bounds how far an outage is amplified.

    Args:
        ratio: the share.
        floor: retries per second beyond it.
        clock: monotonic seconds.
        window: its length, in whole seconds; each holds its calls and its retries.
    """

    def __init__(
        self, ratio: float, floor: float, clock: Callable[[], float], window: int = DEFAULTS.retry_window
    ) -> None:
        self._ratio = ratio
        self._floor = floor
        self._window = window
        self._clock = clock
        self._seconds: deque[list[int]] = deque()  # [second, calls, retries]

    def _now(self) -> list[int]:
        second = int(self._clock())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= second - self._window:
                self._seconds.popleft()
        return self._seconds[-1]

    def called(self) -> None:
        """Count a call."""
        self._now()[1] += 1

    def take(self) -> bool:
        """Take one retry, if there is one."""
        now = self._now()
        calls = sum(second[1] for second in self._seconds)
        retries = sum(second[2] for second in self._seconds)
        if retries >= calls * self._ratio + self._floor * self._window:
            return False
        now[2] += 1
        return True


class Retry:
    """Stands outside the balancer, so that each try may go to another instance; one that just failed is avoided."""

    name = "retry"

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        rng: random.Random,
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._sleep = sleep
        self._budget = RetryBudget(limits.retry_ratio, limits.retry_floor, clock, limits.retry_window)

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        self._budget.called()
        attempt = 1
        while True:
            try:
                return await forward(call)
            except MeshError as error:
                if not self._again(call, error, attempt):
                    raise
                wait = self._pause(error, attempt)
                if self._clock() + wait >= call.deadline or not self._budget.take():
                    raise
                if error.endpoint is not None:
                    call = msgspec.structs.replace(call, avoid=call.avoid | {error.endpoint})
            self._metrics.retry()
            attempt += 1
            if wait:
                await self._sleep(wait)

    def _again(self, call: Call, error: MeshError, attempt: int) -> bool:
        allowed = error.unsent or (error.retryable and call.method.safe)
        return allowed and error.endpoint is not None and attempt < self._limits.retry_attempts

    def _pause(self, error: MeshError, attempt: int) -> float:
        if error.unsent:
            return 0.0  # nothing was sent, and the next try goes to another instance: no need to wait
        full = self._limits.retry_pause * 2**attempt
        return max(error.retry_after or 0.0, self._rng.uniform(0, full))  # full jitter
