"""A place for the list of keys in memory, which a test may take away, spoil and change behind everybody's back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.key_places import Found
from meshgate.registry.errors import RegistryUnavailable

__all__ = ["MemoryKeys"]


class MemoryKeys:
    """One list of keys.

    Args:
        shared: whether others may write there.
    """

    name = "the list of keys in memory"

    def __init__(self, keys: KeyList | None = None, *, shared: bool = True) -> None:
        self.shared = shared
        self.away = False
        self.refused = 0
        """How many of the next writes find that somebody else was faster."""
        self.writes = 0
        self._found = Found(keys, mark=1)
        self._changed = asyncio.Event()

    @property
    def keys(self) -> KeyList | None:
        """What is there."""
        return self._found.keys

    def put(self, keys: KeyList | None, fault: str = "") -> None:
        """Replace what is there, as somebody else does."""
        self._found = Found(keys, fault, int(self._found.mark) + 1)
        self.wake()

    def wake(self) -> None:
        """Let watches look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def read(self) -> Found:
        if self.away:
            raise RegistryUnavailable("taken away")
        return self._found

    async def replace(self, keys: KeyList, mark: int | str) -> bool:
        await self.read()
        if self.refused or mark != self._found.mark:
            self.refused -= 1
            return False
        self.writes += 1
        self.put(keys)
        return True

    async def watch(self) -> AsyncGenerator[Found, None]:
        seen: Found | None = None
        while True:
            changed, found = self._changed, await self.read()
            if found is not seen:
                seen = found
                yield found
            else:
                await changed.wait()

    async def aclose(self) -> None:
        pass
