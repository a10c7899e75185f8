"""The sweeper: deletes manifests, documents and schemas that nothing in the registry names any more.

An instance that registers again with another manifest leaves the old one behind, and so does every change of a
contract. Whatever nothing has named for an hour goes, unless it was stored again meanwhile: whoever registers stores
first and names afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.registry.index import Index

__all__ = ["Sweeper"]

log = structlog.get_logger(__name__)


class Sweeper:
    """Marks what nothing names, and deletes what has been marked for long enough.

    Several may run on one registry. None runs while this process does not know every row and every contract.

    Args:
        catalogue: the contracts, with the store that has the registry.
        index: the instances.
        clock: monotonic seconds. sleep: waits, on the same time.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        index: Index,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._catalogue = catalogue
        self._index = index
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._marked: dict[str, tuple[float, int]] = {}
        """By digest: since when nothing names it, and its stamp then."""

    async def run(self) -> None:
        """Sweep from time to time, until cancelled."""
        while True:
            await self._sleep(self._limits.orphan_look)
            try:
                gone = await self.sweep()
            except MeshError as error:
                log.warning("registry_not_swept", reason=error.message)
                continue
            if gone:
                log.info("registry_swept", documents=gone)

    async def sweep(self) -> int:
        """Mark and delete once; returns how many were deleted.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        if not self._catalogue.complete:
            self._marked.clear()
            return 0
        registry = self._catalogue.store.registry
        found = await registry.documents()
        orphans = found - self._named()
        self._marked = {digest: mark for digest, mark in self._marked.items() if digest in orphans}
        gone = 0
        for digest in sorted(orphans):
            gone += await self._mark_or_discard(digest)
        return gone

    async def _mark_or_discard(self, digest: str) -> bool:
        registry, now = self._catalogue.store.registry, self._clock()
        since, stamp = self._marked.get(digest, (now, None))
        if stamp is not None and now - since < self._limits.orphan_seconds:
            return False
        current = await registry.stamp(digest)
        if current is None:
            return False
        if stamp is None or current != stamp:
            self._marked[digest] = now, current
            return False
        return await registry.discard(digest, stamp)

    def _named(self) -> set[str]:
        named = self._catalogue.used()
        for entry in self._index.entries.values():
            named.add(entry.instance.manifest)
            if entry.manifest.held is not None:
                named.add(entry.manifest.held.blob)
            named.update(side.hash for skill in entry.manifest.skills for side in skill.contracts)
        return named
