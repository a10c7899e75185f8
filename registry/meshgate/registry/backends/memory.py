"""The registry in memory: for tests, and for a mesh in one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.async_wait import Sleep, wait_or_sleep
from meshgate.registry.backends.model import Snapshot
from meshgate.registry.backends.snapshot_diff import difference
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.limits import (
    blob_digest,
    check_blob,
    check_instance,
    check_manifest,
    check_subject,
    check_switch,
)
from meshgate.registry.model import Delta, Entry, Instance, Lease, Manifest, Switch

__all__ = ["MemoryRegistry"]


class MemoryRegistry:
    """Implements ``Registry`` in dictionaries of one process.

    Args:
        clock: seconds, monotonic.
        sleep: how to wait for the next lease to run out, on the same time as ``clock``.
        ttl: seconds that a lease lasts.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep, ttl: float = DEFAULTS.lease
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._ttl = ttl
        self._entries: dict[str, Entry] = {}
        self._ends: dict[str, float] = {}
        self._switches: dict[tuple[str, str], Switch] = {}
        self._manifests: dict[str, Manifest] = {}
        self._blobs: dict[str, bytes] = {}
        self._stamps: dict[str, int] = {}
        self._subjects: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._state = Snapshot()
        self._reachable = True
        self._closed = False

    async def register(self, instance: Instance, manifest: Manifest | None = None) -> Lease:
        """See ``Registry.register``."""
        self._open()
        check_instance(instance)
        check_manifest(instance, manifest)
        if manifest is not None:
            self._manifests[instance.manifest] = manifest
            self._stamp(instance.manifest)
        if instance.kind == "agent" and instance.manifest not in self._manifests:
            raise InvalidParams("this manifest is not stored: send it with the registration")
        self._entries[instance.id] = Entry.of(instance, self._manifests.get(instance.manifest))
        return self._extend(instance)

    async def renew(self, instance_id: str) -> Lease:
        """See ``Registry.renew``."""
        self._open()
        self._expire()
        entry = self._entries.get(instance_id)
        if entry is None:
            raise UnknownLease(metadata={"instance": instance_id})
        return self._extend(entry.instance, note=False)

    async def deregister(self, instance_id: str) -> None:
        """See ``Registry.deregister``."""
        self._open()
        self._ends.pop(instance_id, None)
        if self._entries.pop(instance_id, None) is not None:
            self._note()

    async def watch(self) -> AsyncGenerator[Delta, None]:
        """See ``Registry.watch``. Changes made before the watcher gets to run arrive as one delta."""
        seen: Snapshot | None = None
        while not self._closed:
            self._open()
            self._expire()
            delta = difference(seen, self._state)
            if delta is not None:
                seen = self._state
                yield delta
                continue
            soonest = min(self._ends.values(), default=None)
            await wait_or_sleep(self._changed, None if soonest is None else soonest - self._clock(), self._sleep)

    async def manifest(self, digest: str) -> Manifest:
        """See ``Registry.manifest``."""
        self._open()
        return self._manifests[digest]

    async def put_blob(self, data: bytes) -> str:
        """See ``Registry.put_blob``."""
        self._open()
        digest = blob_digest(check_blob(data))
        self._blobs[digest] = data
        self._stamp(digest)
        return digest

    async def get_blob(self, digest: str) -> bytes:
        """See ``Registry.get_blob``."""
        self._open()
        return self._blobs[digest]

    async def subject(self, name: str) -> str:
        """See ``Registry.subject``."""
        self._open()
        check_subject(name)
        return self._subjects.get(name, "")

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """See ``Registry.put_subject``."""
        self._open()
        check_subject(name, digest)
        if self._subjects.get(name, "") != expected:
            return False
        # Replaced, not changed: watches hold the one before.
        self._subjects = {**self._subjects, name: digest}
        self._note()
        return True

    async def documents(self) -> frozenset[str]:
        """See ``Registry.documents``."""
        self._open()
        return frozenset(self._manifests.keys() | self._blobs.keys())

    async def stamp(self, digest: str) -> int | None:
        """See ``Registry.stamp``."""
        self._open()
        return self._stamps.get(digest)

    async def discard(self, digest: str, stamp: int) -> bool:
        """See ``Registry.discard``."""
        self._open()
        if self._stamps.get(digest) != stamp:
            return False
        del self._stamps[digest]
        self._manifests.pop(digest, None)
        self._blobs.pop(digest, None)
        return True

    async def throw(self, switch: Switch) -> None:
        """See ``Registry.throw``."""
        self._open()
        check_switch(switch)
        self._switches[switch.key] = switch
        self._note()

    async def lift(self, switch: Switch) -> None:
        """See ``Registry.lift``."""
        self._open()
        self._switches.pop(switch.key, None)
        self._note()

    async def aclose(self) -> None:
        """See ``Registry.aclose``."""
        self._closed = True
        self._note()

    # --- faults, for tests ---

    def cut(self) -> None:
        """Be unreachable until ``restore``: every method and every watch raises ``RegistryUnavailable``."""
        self._reachable = False
        self._note()

    def restore(self) -> None:
        """Be reachable again. Each lease has one full term from now, because nobody could renew it meanwhile."""
        self._reachable = True
        self._ends = dict.fromkeys(self._ends, self._clock() + self._ttl)
        self._note()

    def wipe(self) -> None:
        """Lose everything, as a registry does whose disk was replaced."""
        for kept in (self._entries, self._ends, self._switches, self._manifests, self._blobs, self._stamps):
            kept.clear()
        self._subjects = {}
        self._note()

    # --- inside ---

    def _stamp(self, digest: str) -> None:
        self._stamps[digest] = self._stamps.get(digest, 0) + 1

    def _open(self) -> None:
        if not self._reachable or self._closed:
            raise RegistryUnavailable

    def _extend(self, instance: Instance, *, note: bool = True) -> Lease:
        if not instance.lasting:
            self._ends[instance.id] = self._clock() + self._ttl
        else:
            self._ends.pop(instance.id, None)
        if note:
            self._note()
        return Lease(instance.id, self._ttl)

    def _expire(self) -> None:
        now = self._clock()
        over = [key for key, end in self._ends.items() if end <= now]
        for key in over:
            del self._ends[key], self._entries[key]
        if over:
            self._note()

    def _note(self) -> None:
        self._state = Snapshot(dict(self._entries), tuple(sorted(self._switches.values())), self._subjects)
        # Each event is set once and replaced, so that every watch wakes however many there are.
        self._changed.set()
        self._changed = asyncio.Event()
