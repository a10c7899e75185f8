"""The manifests and blobs in Consul's KV store, each under the hash of its content."""

from __future__ import annotations

import random

from meshgate.registry.backends.consul.client import ConsulClient
from meshgate.registry.backends.consul.entry import Layout
from meshgate.registry.limits import blob_digest

__all__ = ["ConsulDocuments"]


class ConsulDocuments:
    """Reads, writes and deletes documents. See ``Registry`` for ``stamp`` and ``discard``."""

    def __init__(self, client: ConsulClient, layout: Layout) -> None:
        self._client = client
        self._folders = layout.manifests, layout.blobs
        self._random = random.SystemRandom().getrandbits

    async def put(self, key: str, data: bytes) -> None:
        """Write a document under its key, a folder and the hash of ``data``."""
        # Consul gives a write of the same data no new index, and then nobody could tell that it was stored again: so
        # the flags differ.
        flags = self._random(63)
        await self._client.call(lambda consul: consul.kv.put(key, data, flags=flags))

    async def get(self, key: str) -> bytes | None:
        """What is stored under a key, if anything is."""
        _, found = await self._client.call(lambda consul: consul.kv.get(key))
        return None if found is None else found["Value"] or b""

    async def content(self, folder: str, digest: str) -> bytes | None:
        """What is stored under ``digest``, if it is what the name says: anyone who may write keys could change it."""
        data = await self.get(folder + digest) if digest.isalnum() else None
        return data if data is not None and blob_digest(data) == digest else None

    async def digests(self) -> frozenset[str]:
        """The digests of all documents."""
        return frozenset([name for folder in self._folders for name in await self._names(folder)])

    async def stamp(self, digest: str) -> int | None:
        """The index of a document's last write."""
        found = await self._find(digest)
        return found[1] if found is not None else None

    async def discard(self, digest: str, stamp: int) -> bool:
        """Delete a document unless it was written since it had that stamp."""
        found = await self._find(digest)
        if found is None or found[1] != stamp:
            return False
        key = found[0]
        return bool(await self._client.call(lambda consul: consul.kv.delete(key, cas=stamp)))

    async def _names(self, folder: str) -> list[str]:
        _, keys = await self._client.call(lambda consul: consul.kv.get(folder, keys=True))
        return [str(key).removeprefix(folder) for key in keys or ()]

    async def _find(self, digest: str) -> tuple[str, int] | None:
        """The key of a document, and the index of its last write."""
        for folder in self._folders if digest.isalnum() else ():
            index = await self._index(folder + digest)
            if index is not None:
                return folder + digest, index
        return None

    async def _index(self, key: str) -> int | None:
        _, found = await self._client.call(lambda consul: consul.kv.get(key, consistency="consistent"))
        return None if found is None else int(found["ModifyIndex"])
