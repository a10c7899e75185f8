"""Puts a new key for cards in force, for the whole mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from meshgate.a2a.errors import InvalidParams, OutcomeUnknown, UnsupportedOperation
from meshgate.gateway.control.acknowledgement import is_shown
from meshgate.gateway.control.switches import WrittenNotSeen
from meshgate.gateway.identity.card_keys import generation_of, generation_row
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.extras import REMEDY, SIGNATURES, has
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry

__all__ = ["CardRotation"]

log = structlog.get_logger(__name__)


class CardRotation:
    """Raises the generation that the cards' key follows from. What is acknowledged is in force here.

    Args:
        index: what the gateways read, as this process watches it.
        files: the settings' ``card_keys``, which are no generations.
        seconds: how long the registry may take to answer, and then to show the change.
    """

    def __init__(
        self,
        registry: Registry,
        index: Index,
        mesh: MeshKey,
        files: Sequence[str],
        seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registry, self._index, self._mesh = registry, index, mesh
        self._files, self._seconds, self._sleep = files, seconds, sleep

    async def rotate(self) -> int:
        """Put the next generation in force, and return its number.

        Raises:
            InvalidParams: the settings give the keys.
            UnsupportedOperation: cards are not signed here.
            OutcomeUnknown: the registry did not answer in time.
            WrittenNotSeen: it did, and does not show the generation.
            RegistryUnavailable: it refused.
        """
        if self._files:
            raise InvalidParams("the settings give card_keys: put a new file first there, and restart the gateways")
        if not has(SIGNATURES):
            raise UnsupportedOperation(f"this gateway is installed without {SIGNATURES}: install it by {REMEDY}")
        entries = self._index.entries
        generation = generation_of(entries.values()) + 1
        row = generation_row(self._mesh, generation)
        try:
            async with asyncio.timeout(self._seconds):
                await self._registry.register(row)
        except TimeoutError:
            raise OutcomeUnknown(
                f"the registry has not answered within {self._seconds:g} s: the new key may take effect later"
            ) from None
        if not await is_shown(lambda: row.id in self._index.entries, self._seconds, self._sleep):
            raise WrittenNotSeen
        log.info("card_key_rotated", generation=generation)
        return generation
