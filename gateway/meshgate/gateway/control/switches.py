"""Kill switches as operators throw and lift them: acknowledged once this process sees them in the registry itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from meshgate.a2a.errors import MeshError, OutcomeUnknown
from meshgate.gateway.control.acknowledgement import is_shown
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Switch

__all__ = ["Switches", "WrittenNotSeen"]


class WrittenNotSeen(MeshError):
    """The registry took a change and does not show it yet."""

    code = "WRITTEN_NOT_SEEN"
    summary = "the registry took it and does not show it: it takes effect where the registry is read"


class Switches:
    """Throws and lifts switches. What is acknowledged is in force here.

    Args:
        index: what the gateways read, as this process watches it.
        seconds: how long the registry may take to answer, and then to show the change.
    """

    def __init__(self, registry: Registry, index: Index, seconds: float) -> None:
        self._registry = registry
        self._index = index
        self._seconds = seconds

    async def throw(self, switch: Switch) -> None:
        """Throw a switch.

        Raises:
            OutcomeUnknown: the registry did not answer in time.
            WrittenNotSeen: it did, and does not show the switch.
            RegistryUnavailable: it refused.
        """
        await self._write(self._registry.throw(switch))
        await self._see(lambda: switch in self._index.switches)

    async def lift(self, switch: Switch) -> None:
        """Lift a switch; see ``throw``."""
        await self._write(self._registry.lift(switch))
        await self._see(lambda: all(each.key != switch.key for each in self._index.switches))

    async def _write(self, writing: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await writing
        except TimeoutError:
            raise OutcomeUnknown(
                f"the registry has not answered within {self._seconds:g} s: the switch may take effect later. "
                "Look with 'meshgate kill' when it answers again"
            ) from None

    async def _see(self, shown: Callable[[], bool]) -> None:
        if not await is_shown(shown, self._seconds):
            raise WrittenNotSeen
