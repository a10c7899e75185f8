"""Detects an instance that hangs. Silence alone proves nothing, because an agent may think for minutes, so the policy
asks the instance's health.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.instance import Instance, OpenAttempt
from meshgate.net.timer_queue import TimerQueue

__all__ = ["HangDetection"]

_EARLY = 0.9
"""A timer may fire early, by rounding and by the time that the loop's pass took: an attempt it was set for counts as
silent."""


class HangDetection:
    """After ``limits.silence`` without a byte, asks the instance's health; ``limits.health_misses`` open its breaker.

    Safe calls that wait there are then sent elsewhere. Others wait for their deadline, because the agent may be working
    on them. The instance gets no further call until its health route answers.

    Args:
        ask: whether the instance answers its health route within ``limits.health_timeout``.
    """

    name = "hang_detection"

    def __init__(
        self,
        ask: Callable[[Instance], Awaitable[bool]],
        limits: Limits,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ask = ask
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._silences = TimerQueue(limits.silence)

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        chosen = call.fact(Chosen)
        if chosen is None:
            return await forward(call)
        instance = chosen.attempt.instance
        silence = self._silences.start(lambda: self._suspect(instance))
        try:
            return await forward(call)
        finally:
            self._silences.stop(silence)

    def _suspect(self, instance: Instance) -> None:
        if instance.probing is None:
            instance.probing = asyncio.ensure_future(self._watch(instance))

    async def _watch(self, instance: Instance) -> None:
        try:
            if await self._hangs(instance):
                self._give_up(instance)
                await self._wait_for(instance)
        finally:
            instance.probing = None

    async def _hangs(self, instance: Instance) -> bool:
        misses = 0
        while self._silent(instance):
            instance.answering = await self._ask(instance)
            misses = 0 if instance.answering else misses + 1
            if misses >= self._limits.health_misses:
                return True
            if misses == 0:
                await self._sleep(self._limits.silence)
        return False

    async def _wait_for(self, instance: Instance) -> None:
        # A breaker's probe is a real call, and a call that is sent to an instance which still hangs is lost: so the
        # instance gets none before its health route has answered.
        instance.hung = True
        while instance.listed and not instance.answering:
            await self._sleep(self._limits.silence)
            instance.answering = await self._ask(instance)
        instance.hung = False

    def _silent(self, instance: Instance) -> bool:
        quiet = self._clock() - self._limits.silence * _EARLY
        return any(attempt.heard <= quiet for attempt in instance.attempts)

    def _give_up(self, instance: Instance) -> None:
        instance.breaker.trip()
        for attempt in list(instance.attempts):
            if attempt.call.method.safe and _waits(attempt):
                attempt.abort(UpstreamUnavailable(f"{instance.id} does not answer", endpoint=instance.id))


def _waits(attempt: OpenAttempt) -> bool:
    # A stream that has begun cannot be sent elsewhere; its own silence limit ends it.
    return not attempt.begun
