"""Where the list of keys is kept and watched: in the home's ``keys.json``, or in Consul for several machines."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from meshgate.gateway.identity.key_list import KeyList, read_signed, signed
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.registry.backends.consul.value import ConsulValue
from meshgate.registry.home import disk_fault, write_private

__all__ = ["ConsulKeys", "FileKeys", "Found", "KeyPlace"]

LOOK = 0.5
"""Seconds between two looks at ``keys.json``: how late another process's change may be seen."""


class Found(msgspec.Struct, frozen=True):
    """What a place holds at one moment."""

    keys: KeyList | None
    """The list; None if there is none that may be believed."""
    fault: str = ""
    """Why it may not be believed, as the end of a sentence about the place; "" if nothing is there."""
    mark: int | str = ""
    """Names this content: a later write brings it, so that nobody overwrites what they have not read."""


class KeyPlace(Protocol):
    """Where the list of keys is kept. All methods raise ``RegistryUnavailable`` or ``HomeError`` while it is away."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def shared(self) -> bool:
        """Whether others may write there: then a list that is older than the last one is not believed."""
        ...

    async def read(self) -> Found:
        """What is there now."""
        ...

    async def replace(self, keys: KeyList, mark: int | str) -> bool:
        """Write another list, unless somebody has written since ``mark`` was read: then False, and nothing changed."""
        ...

    def watch(self) -> AsyncGenerator[Found, None]:
        """What is there, at once and after every change."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class FileKeys:
    """The list in ``keys.json``, which all processes of a home share, and in which an operator may write by hand.

    Args:
        sleep: how to wait between two looks.
    """

    shared = False

    def __init__(self, path: Path, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.path = path
        self.name = path.name
        self._sleep = sleep

    def now(self) -> Found:
        """What is there now.

        Raises:
            HomeError: the file cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Found(None)
        except OSError as error:
            raise disk_fault(error, self.path) from None
        mark = hashlib.blake2b(data, digest_size=16).hexdigest()
        try:
            return Found(KeyList.read(data, self.name), mark=mark)
        except WeakSecret as error:
            return Found(None, error.message.removeprefix(self.name).lstrip(), mark)

    def write(self, keys: KeyList) -> None:
        """Write a list, readable by its owner alone.

        Raises:
            HomeError: the file cannot be written.
        """
        try:
            write_private(self.path, msgspec.json.format(keys.encode()) + b"\n")
        except OSError as error:
            raise disk_fault(error, self.path) from None

    async def read(self) -> Found:
        """See ``KeyPlace.read``."""
        return self.now()

    async def replace(self, keys: KeyList, mark: int | str) -> bool:
        """See ``KeyPlace.replace``. One process of a home writes: the one that serves the admin API."""
        if self.now().mark != mark:
            return False
        await asyncio.to_thread(self.write, keys)
        return True

    async def watch(self) -> AsyncGenerator[Found, None]:
        """See ``KeyPlace.watch``."""
        seen: tuple[int, ...] | None = None
        while True:
            stamp = self._stamp()
            if stamp != seen:
                seen = stamp
                yield self.now()
            await self._sleep(LOOK)

    async def aclose(self) -> None:
        """See ``KeyPlace.aclose``."""

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ino, found.st_size


class ConsulKeys:
    """The list as one value of Consul's KV store, under the MAC of the mesh key.

    Args:
        value: the value.
        mesh: signs the list.
    """

    shared = True
    name = "the list of keys in Consul"

    def __init__(self, value: ConsulValue, mesh: MeshKey) -> None:
        self._value = value
        self._mesh = mesh

    async def read(self) -> Found:
        """See ``KeyPlace.read``."""
        return self._found(*await self._value.read())

    async def replace(self, keys: KeyList, mark: int | str) -> bool:
        """See ``KeyPlace.replace``."""
        return await self._value.replace(signed(keys, self._mesh), int(mark or 0))

    async def watch(self) -> AsyncGenerator[Found, None]:
        """See ``KeyPlace.watch``."""
        async for data, index in self._value.watch():
            yield self._found(data, index)

    async def aclose(self) -> None:
        """See ``KeyPlace.aclose``."""
        await self._value.aclose()

    def _found(self, data: bytes | None, index: int) -> Found:
        if data is None:
            return Found(None, mark=index)
        keys = read_signed(data, self._mesh)
        return Found(keys, "" if keys else "is not signed with this mesh's key", index)
