"""Waiting where no instance is ready and one is only silent: a program whose one thread is busy serves its next caller
later, and there is nobody else to ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from meshgate.a2a.call import Call
from meshgate.a2a.errors import UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.gateway.facts import Waited
from meshgate.gateway.upstream.instance import Instance

__all__ = ["SilentInstances"]


class SilentInstances:
    """Lets calls wait until a silent instance answers its health route, for ``limits.patience`` at most.

    At most ``limits.concurrency`` calls wait for one instance.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock

    async def wait(self, call: Call, instances: Iterable[Instance]) -> None:
        """Return once one of the instances is ready, or at once if none of them is only silent.

        Args:
            instances: those of the call's route, and of the releases that failover may take.

        Raises:
            UpstreamUnavailable: too many calls wait already, or no instance answered in time.
            UpstreamDeadline: the call's deadline passed meanwhile.
        """
        known = list(instances)
        silent = [each for each in known if each.silent()]
        if not silent or call.fact(Waited) is not None or any(each.ready() for each in known):
            return
        room = [each for each in silent if len(each.waiting) < self._limits.concurrency]
        if not room:
            raise _blocked(silent[0], f"and {self._limits.concurrency} calls wait for it already")
        until = min(self._clock() + self._limits.patience, call.deadline)
        while not any(each.ready() for each in known):
            if not await _wakes(room, until - self._clock()):
                if self._clock() >= call.deadline:
                    raise UpstreamDeadline
                raise _blocked(silent[0], "is its event loop blocked?")


async def _wakes(instances: list[Instance], seconds: float) -> bool:
    """Whether one of the instances answers within ``seconds``."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for each in instances:
        each.waiting.add(woken)
    try:
        async with asyncio.timeout(seconds):
            await woken
    except TimeoutError:
        return False
    finally:
        for each in instances:
            each.waiting.discard(woken)
    return True


def _blocked(instance: Instance, why: str) -> UpstreamUnavailable:
    # It names no endpoint, because another try would only wait again.
    text = f"{instance.id} does not answer its health route: {why}"
    return UpstreamUnavailable(text, retry_after=1.0, unsent=True)
