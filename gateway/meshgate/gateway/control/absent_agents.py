"""Agents that an operator registered and that have been away for a day: they are taken off the list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.cluster.questions import INSTANCES
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry

__all__ = ["AbsentAgents"]

log = structlog.get_logger(__name__)


class AbsentAgents:
    """Deregisters a lasting instance whose health no gateway has seen good for ``limits.lasting_absent`` seconds.

    Args:
        mesh: asks the gateways.
        own: URLs of the cards of the settings' agents, which are never taken off.
        clock: monotonic seconds. sleep: waits, on the same time.
    """

    def __init__(
        self,
        registry: Registry,
        index: Index,
        mesh: Mesh,
        own: frozenset[str],
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registry, self._index, self._mesh, self._own = registry, index, mesh, own
        self._limits, self._clock, self._sleep = limits, clock, sleep
        self._good: dict[str, float] = {}
        """When each lasting instance was last seen in good health, or first seen at all."""

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        while True:
            await self._sleep(self._limits.orphan_look)
            try:
                await self.look()
            except MeshError as error:
                log.warning("absent_agents_not_removed", reason=error.message)

    async def look(self) -> None:
        """Ask the gateways once, and deregister whatever has been away for too long.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        answers = await self._mesh.ask(INSTANCES)
        if not answers:
            return
        now = self._clock()
        healthy = {view.id for views in answers.values() for view in views if view.healthy}
        lasting = {
            name
            for name, entry in self._index.entries.items()
            if entry.instance.lasting and entry.instance.kind == "agent"
        } - self._settings()
        self._good = {name: now if name in healthy else self._good.get(name, now) for name in lasting}
        for name, seen in self._good.items():
            if now - seen >= self._limits.lasting_absent:
                await self._registry.deregister(name)
                log.warning("absent_agent_removed", instance=name, seconds=round(now - seen))

    def _settings(self) -> set[str]:
        return {
            name
            for name, entry in self._index.entries.items()
            if entry.instance.check is not None and entry.instance.check.url in self._own
        }
