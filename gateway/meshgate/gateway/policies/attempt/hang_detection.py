"""Detects an instance that hangs. Silence alone proves nothing, because an agent may think for minutes, so the policy
asks the instance's health.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.instance import Health, Instance, OpenAttempt
from meshgate.net.timer_queue import TimerQueue

__all__ = ["HangDetection"]

_EARLY = 0.1
"""A timer may fire early, by rounding and by the time that the loop's pass took: by this share of the silence, an
attempt it was set for counts as silent before its time."""


class HangDetection:
    """Asks the health of an instance that is quiet: after ``limits.silence``, then at pauses that double up to
    ``limits.silence_max`` while it answers. ``limits.health_misses`` in a row open its breaker.

    Safe calls that wait there are then sent elsewhere, and quiet streams end with ``OutcomeUnknown``, which names the
    task; at an instance that has answered nothing yet they get ``limits.patience`` more. Messages wait for their
    deadline, because the agent may be working on them. The instance gets no further call until its health route
    answers.

    Args:
        ask: asks the instance's health route, for at most ``limits.health_timeout``.
    """

    name = "hang_detection"

    def __init__(
        self,
        ask: Callable[[Instance], Awaitable[Health]],
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
            reply = await forward(call)
        finally:
            self._silences.stop(silence)
        if not reply.unary:
            self._suspect(instance)  # A stream is watched from its first event to its end.
        return reply

    def _suspect(self, instance: Instance) -> None:
        if instance.probing is None:
            instance.probing = asyncio.ensure_future(self._watch(instance))

    async def _watch(self, instance: Instance) -> None:
        try:
            while await self._hangs(instance):
                await self._wait_for(instance)
                if not instance.listed:
                    return
        finally:
            instance.probing = None

    async def _hangs(self, instance: Instance) -> bool:
        """Whether the instance misses its questions; no, once nothing is quiet there and no stream is open."""
        misses, asked, pause = 0, -math.inf, 0.0
        while True:
            now = self._clock()
            heard = [attempt.heard for attempt in self._quiet(instance)]
            if not heard and not any(attempt.begun for attempt in instance.attempts):
                return False
            anew = bool(heard) and max(heard) + self._limits.silence > asked + self._early
            if anew and not misses:
                pause = 0.0  # What fell silent after the last question is asked about at once.
            if not heard or now < asked + pause - self._early:
                await self._sleep(self._limits.silence)
                continue
            asked = now
            instance.health = await self._ask(instance)
            if instance.health is Health.WELL:
                instance.warm = True
                misses, pause = 0, min(max(2 * pause, self._limits.silence), self._limits.silence_max)
            else:
                misses, pause = misses + 1, 0.0
                if misses >= self._limits.health_misses:
                    return True

    async def _wait_for(self, instance: Instance) -> None:
        # A breaker's probe is a real call, and a call that is sent to an instance which still hangs is lost: so the
        # instance gets none before its health route has answered.
        instance.hung, since = True, self._clock()
        instance.breaker.trip(silent=instance.health is Health.SILENT)
        while instance.listed and instance.health is not Health.WELL:
            self._give_up(instance, since)
            await self._sleep(self._limits.silence)
            instance.health = await self._ask(instance)
        instance.hung = False
        if instance.health is Health.WELL:
            instance.warm = True
            instance.breaker.answered()
        instance.wake()

    @property
    def _early(self) -> float:
        return self._limits.silence * _EARLY

    def _quiet(self, instance: Instance) -> list[OpenAttempt]:
        last = self._clock() - self._limits.silence + self._early
        return [attempt for attempt in instance.attempts if attempt.heard <= last]

    def _give_up(self, instance: Instance, since: float) -> None:
        for attempt in list(instance.attempts):
            # A stream that has begun cannot be sent elsewhere, and a message may have been acted on.
            if attempt.call.method.safe and not attempt.begun:
                attempt.abort(UpstreamUnavailable(f"{instance.id} does not answer", endpoint=instance.id))
        # An agent's first call may import for seconds what it works with, and holds up its event loop meanwhile.
        loading = not instance.warm and self._clock() < since + self._limits.patience
        for attempt in () if loading else self._quiet(instance):
            if attempt.begun:
                attempt.abort(
                    OutcomeUnknown(
                        f"{instance.id} sends nothing and does not answer its health route: its stream is ended here",
                        endpoint=instance.id,
                        task=attempt.task,
                    )
                )
