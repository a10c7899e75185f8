"""A circuit breaker for asyncio, on the states of pybreaker.

pybreaker (1.4) counts failures in a row and keeps closed, open and half-open. Its own drivers block, or let any number
of probes through. This driver adds an opening time on a monotonic clock that doubles with jitter, one probe at a time,
and a success ratio over a window; a result that belongs to an earlier state does not count.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import deque
from collections.abc import Callable

import pybreaker

from meshgate.a2a.limits import DEFAULTS, Limits

__all__ = ["Breaker", "Permit"]

Permit = int
"""The generation of the breaker's state in which a call was let through."""


class Breaker:
    """The circuit breaker of one instance."""

    __slots__ = (
        "_backoff",
        "_calls",
        "_clock",
        "_failing",
        "_generation",
        "_limits",
        "_opened",
        "_probing",
        "_rng",
        "_silenced",
        "_state",
        "_wait",
    )

    def __init__(
        self,
        name: str,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._rng = rng or random.Random()
        self._state = pybreaker.CircuitBreaker(
            fail_max=limits.breaker_failures, throw_new_error_on_trip=False, name=name
        )
        self._calls: deque[list[int]] = deque()
        self._generation = 0
        self._probing = False
        self._failing = False
        self._silenced = False
        self._opened = 0.0
        self._wait = 0.0
        self._backoff = limits.breaker_backoff

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        return self._state.current_state

    @property
    def failing(self) -> bool:
        """Whether a failure was counted since the last success, or the breaker is not closed."""
        return self._failing

    @property
    def silenced(self) -> bool:
        """Whether it is open because the instance was silent, and for nothing else."""
        return self._silenced

    def ready(self) -> bool:
        """Whether a call would be let through now."""
        if not self._failing:
            return True
        state = self._state.current_state
        if state == pybreaker.STATE_CLOSED:
            return True
        return not self._probing and (state == pybreaker.STATE_HALF_OPEN or self.retry_after() <= 0)

    def retry_after(self) -> float:
        """Seconds until the next probe may go."""
        return max(0.0, self._opened + self._wait - self._clock())

    def enter(self) -> Permit | None:
        """A permit for one call, or None. An open breaker whose time is over lets one call through as its probe."""
        if not self._failing or self._state.current_state == pybreaker.STATE_CLOSED:
            return self._generation
        if not self.ready():
            return None
        if self._state.current_state == pybreaker.STATE_OPEN:
            self._generation += 1
            self._state.half_open()
        self._probing = True
        return self._generation

    def leave(self, permit: Permit, success: bool | None) -> None:
        """Count how the call ended; ``None`` says nothing about the instance (its caller left, or the request was
        invalid).
        """
        if permit != self._generation:
            return
        probe = self._failing and self._state.current_state == pybreaker.STATE_HALF_OPEN
        if probe:
            self._probing = False
        if success is None:
            return
        if not success:
            self._failing = True
            self._fail(probe)
            return
        self._count(True)
        if self._failing:
            # With no failure to forget, pybreaker has nothing to do: by far the most calls end so.
            self._state.state._handle_success()  # pyright: ignore[reportPrivateUsage]
            self._failing = False
        if probe:
            self._close()

    def _fail(self, probe: bool) -> None:
        self._count(False)
        if probe:
            self._backoff = min(self._backoff * 2, self._limits.breaker_backoff_max)
            self.trip()
            return
        before = self._state.current_state
        # pybreaker raises when the failure opens the breaker; here the caller has its own error already.
        with contextlib.suppress(pybreaker.CircuitBreakerError, _Failure):
            self._state.state._handle_error(_FAILURE, reraise=False)  # pyright: ignore[reportPrivateUsage]
        if self._state.current_state != before:
            self._opening()
        elif self._too_many():
            self.trip()

    def _count(self, success: bool) -> None:
        # One [second, successes, calls] for each second, so that the window's cost does not grow with the calls.
        second = int(self._clock())
        if not self._calls or self._calls[-1][0] != second:
            self._calls.append([second, 0, 0])
            while self._calls[0][0] <= second - self._limits.breaker_window:
                self._calls.popleft()
        self._calls[-1][1] += success
        self._calls[-1][2] += 1

    def _too_many(self) -> bool:
        good = sum(bucket[1] for bucket in self._calls)
        total = sum(bucket[2] for bucket in self._calls)
        return total >= self._limits.breaker_volume and good < self._limits.breaker_ratio * total

    def trip(self, *, silent: bool = False) -> None:
        """Open the breaker, whatever was counted.

        Args:
            silent: the instance does not answer its health route, which is no failure of a call.
        """
        self._silenced = silent and (self._silenced or not self._failing)
        self._failing = True
        if self._state.current_state != pybreaker.STATE_OPEN:
            self._state.open()
        self._opening()

    def answered(self) -> None:
        """The instance answers its health route: close the breaker if silence alone opened it."""
        if self._silenced:
            self._failing = False
            self._close()

    def _opening(self) -> None:
        self._generation += 1
        self._probing = False
        self._calls.clear()
        self._opened = self._clock()
        self._wait = self._backoff * (1 + self._limits.breaker_jitter * self._rng.random())

    def _close(self) -> None:
        self._silenced = False
        self._generation += 1
        self._calls.clear()
        self._backoff = self._limits.breaker_backoff
        if self._state.current_state != pybreaker.STATE_CLOSED:
            self._state.close()


class _Failure(Exception):
    """Stands for any failure towards pybreaker; the real error stays with its call."""


_FAILURE = _Failure()
