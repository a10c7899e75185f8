"""The keys of callers as all gateways of a mesh share them: followed, changed, and kept where the mesh is run from."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.key_places import FileKeys, Found, KeyPlace
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.keys import KeyStore
from meshgate.registry.home import HomeError

__all__ = ["KeysChanged", "KeysNotWritten", "SharedKeys"]

log = structlog.get_logger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds until a place that is away is asked again: the first, doubling up to the longest, times 0.5 to 1."""
TRIES = 5
"""How often a change is made anew when somebody else changed the list meanwhile."""
OLD = 30 * 86400.0
"""Seconds after which an expired key is dropped from the list, at the next change."""


class KeysChanged(MeshError):
    """Others change the list of keys at the same time, again and again."""

    code, summary = "KEYS_CHANGED", "somebody else changes the list of keys at the same time: try again"


class KeysNotWritten(MeshError):
    """The home's list of keys cannot be read or written."""

    code, summary = "KEYS_NOT_WRITTEN", "the list of keys cannot be changed"


class SharedKeys:
    """Keeps a ``KeyStore`` as the list of the mesh has it, and changes that list.

    What was last known stays in force while the list is away or may not be believed; ``store.fault`` says so.

    Args:
        store: what callers are looked up in.
        known: the list as it was last known.
        place: where the list is.
        copy: the home's file, which keeps what was last known of a list elsewhere; None if the place is that file, or
            another process keeps it.
        keeper: whether this process writes the list where it is missing, older, or lacks keys of this home.
        wall: seconds since 1970. sleep: how to wait.
    """

    def __init__(
        self,
        store: KeyStore,
        known: KeyList,
        place: KeyPlace,
        *,
        copy: FileKeys | None = None,
        keeper: bool = False,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.store = store
        self.known = known
        self._place, self._copy, self._keeper = place, copy, keeper
        self._wall, self._sleep, self._rng = wall, sleep, rng or random.Random()
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Follow the list until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                async for found in self._place.watch():
                    pause = FIRST_PAUSE
                    async with self._lock:
                        await self._take(found)
            except (MeshError, HomeError) as error:
                self._blame(f"{self._place.name} cannot be read", str(error))
            await self._sleep(pause * self._rng.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def refresh(self, seconds: float) -> None:
        """Read the list now, if the place answers within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._lock:
                await self._take(await self._place.read())
        except TimeoutError:
            self._blame(f"{self._place.name} has not answered within {seconds:g} s")
        except (MeshError, HomeError) as error:
            self._blame(f"{self._place.name} cannot be read", str(error))

    async def change(self, edit: Callable[[tuple[KeyRecord, ...]], tuple[KeyRecord, ...]]) -> None:
        """Change the list; when this returns, this process goes by the new one, and the others do within two seconds.

        Args:
            edit: makes the new keys from the old ones. It may be called again if somebody else was faster, and what it
                raises is raised.

        Raises:
            RegistryUnavailable, KeysNotWritten: the place is away or cannot be written; nothing changed.
            KeysChanged: somebody else was faster each time.
            InvalidParams: the keys are too many.
        """
        try:
            async with self._lock:
                for _ in range(TRIES):
                    if await self._try(edit):
                        return
        except HomeError as error:
            raise KeysNotWritten(str(error)) from None
        raise KeysChanged

    async def aclose(self) -> None:
        """Close connections."""
        await self._place.aclose()

    async def _try(self, edit: Callable[[tuple[KeyRecord, ...]], tuple[KeyRecord, ...]]) -> bool:
        found = await self._place.read()
        base = self._merged(found.keys if found.keys is not None and self._newer(found.keys) else self.known)
        keys = base.with_keys(edit(self._current(base.keys)))
        if not self._place.shared:
            keys = KeyList(0, keys.keys)
        if written := await self._place.replace(keys, found.mark):
            await self._adopt(keys)
        return written

    def _current(self, keys: tuple[KeyRecord, ...]) -> tuple[KeyRecord, ...]:
        """The keys without those that expired long ago."""
        then = self._wall() - OLD
        return tuple(key for key in keys if not key.expires or key.expires > then)

    async def _take(self, found: Found) -> None:
        """Go by what the place holds, as far as it may be believed."""
        if found.fault:
            self._blame(f"{self._place.name} {found.fault}")
        elif found.keys is None:
            self._blame("" if self._place.shared else f"{self._place.name} is gone")
            await self._put_back(found)
        elif not self._newer(found.keys):
            self._blame(f"{self._place.name} is older than the last one that was read")
            await self._put_back(found)
        else:
            keys = self._merged(found.keys)
            if keys is found.keys or await self._place.replace(keys, found.mark):
                await self._adopt(keys)

    def _newer(self, keys: KeyList) -> bool:
        """Whether a list may be believed: nobody but the mesh writes to a place that is not shared."""
        return not self._place.shared or keys.number >= self.known.number

    def _merged(self, keys: KeyList) -> KeyList:
        """The shared list with the keys that were made in this home before it knew that list."""
        if not (self._keeper and self._place.shared) or self.known.number:
            return keys
        try:
            return keys.merged(self.known)
        except InvalidParams as error:
            log.warning("keys_not_merged", reason=error.message, effect="keys that were made in this home end")
            return keys

    async def _put_back(self, found: Found) -> None:
        """Write the list as it was last known, where it is missing or older; a keeper does."""
        if self._keeper and self._place.shared:
            keys = self.known if self.known.number else self.known.with_keys(self.known.keys)
            if await self._place.replace(keys, found.mark):
                await self._adopt(keys)

    async def _adopt(self, keys: KeyList) -> None:
        changed, self.known = keys != self.known, keys
        self.store.replace(keys.keys)
        self._blame("")
        if changed and self._copy is not None:
            try:
                await asyncio.to_thread(self._copy.write, keys)
            except HomeError as error:
                log.warning("keys_not_kept", reason=str(error), effect="a start without Consul knows older keys")

    def _blame(self, fault: str, detail: str = "") -> None:
        """Say what is wrong with the list, or that nothing is any more; the details are for the log alone."""
        said = fault and f"{fault}: the keys that were last known are in force"
        if said == self.store.fault:
            return
        self.store.fault = said
        if fault:
            log.warning("keys_not_read", reason=fault, detail=detail)
        else:
            log.info("keys_read", number=self.known.number)
