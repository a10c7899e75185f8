"""Health checks of agents that renew no lease: a foreign agent is healthy while its card (or health route) answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.instances import Instances

__all__ = ["HealthChecks"]

log = structlog.get_logger(__name__)
_AT_ONCE = 16
"""Instances that are asked at once."""


class HealthChecks:
    """Checks each instance without a lease every ``check.interval`` seconds; misses take it out, an answer puts it in.

    Args:
        ask: what becomes of a question for an instance's health within the seconds given.
        limits: ``health_misses`` and ``foreign_health``.
    """

    def __init__(
        self,
        instances: Instances,
        ask: Callable[[Instance, float], Awaitable[Health]],
        clock: Callable[[], float],
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limits: Limits = DEFAULTS,
    ) -> None:
        self._instances = instances
        self._ask = ask
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._misses_allowed, self._patience = limits.health_misses, limits.foreign_health
        self._due: dict[str, float] = {}
        self._misses: dict[str, int] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Check, until cancelled."""
        while True:
            now = self._clock()
            lasting = [instance for instance in self._instances if instance.entry.instance.lasting]
            # One that calls wait for is asked each time.
            due = [each for each in lasting if each.waiting or self._due.get(each.id, 0.0) <= now]
            self._forget({instance.id for instance in lasting})
            for instance in due:
                interval = instance.entry.instance.check.interval if instance.entry.instance.check else 5.0
                self._due[instance.id] = now + interval * self._rng.uniform(0.9, 1.1)
            await asyncio.gather(*(self._look(instance) for instance in due))
            await self._sleep(0.5)

    def _forget(self, kept: set[str]) -> None:
        for gone in self._due.keys() - kept:
            del self._due[gone]
            self._misses.pop(gone, None)

    async def _look(self, instance: Instance) -> None:
        async with self._gate:
            instance.health = await self._ask(instance, self._patience)
        well = instance.health is Health.WELL
        self._misses[instance.id] = 0 if well else self._misses.get(instance.id, 0) + 1
        healthy = self._misses[instance.id] < self._misses_allowed
        if healthy != instance.healthy:
            log.info("health_changed", instance=instance.id, healthy=healthy)
            instance.healthy = healthy
        if instance.ready():
            instance.wake()
