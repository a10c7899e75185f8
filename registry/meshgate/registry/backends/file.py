"""The registry in one SQLite file: several processes of one machine share it, and it survives their restarts."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.async_wait import Sleep, wait_or_sleep
from meshgate.registry.backends.lease_clock import LeaseClock
from meshgate.registry.backends.model import Rows, Snapshot
from meshgate.registry.backends.snapshot_diff import difference
from meshgate.registry.backends.sqlite import Store, check_same
from meshgate.registry.backends.sqlite_reader import Reader
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.limits import check_blob, check_instance, check_manifest, check_subject, check_switch
from meshgate.registry.model import Delta, Entry, Instance, Lease, Manifest, Switch

__all__ = ["FileRegistry"]

T = TypeVar("T")

POLL = 0.1
"""Seconds between two looks at ``PRAGMA data_version``, which is how late a change may be seen."""

REAP_AFTER = 60.0
"""Seconds without a renewal after which a watcher deletes the row itself. Until then a late renewal revives it."""


class FileRegistry:
    """Implements ``Registry`` in an SQLite file (write-ahead log, so on a local disk, not on a network's).

    All SQL runs in one worker thread. Processes share nothing but the file: each times leases on its own clock.

    Args:
        path: the file; it and its folder are made if need be, for the owner only.
        clock: seconds, monotonic.
        sleep: how to wait between two polls, on the same time as ``clock``.
        ttl: seconds that a lease lasts.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        ttl: float = DEFAULTS.lease,
    ) -> None:
        self.path = path
        self._clock = clock
        self._sleep = sleep
        self._ttl = ttl
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="meshgate-registry")
        self._store: Store | None = None
        self._readers: set[Reader] = set()
        self._closing = asyncio.Event()

    async def register(self, instance: Instance, manifest: Manifest | None = None) -> Lease:
        """See ``Registry.register``."""
        check_instance(instance)
        data = check_manifest(instance, manifest)
        await self._run(lambda: self._opened().register(instance, data))
        return Lease(instance.id, self._ttl)

    async def renew(self, instance_id: str) -> Lease:
        """See ``Registry.renew``. A lease that ran out less than a minute ago is revived."""
        if not await self._run(lambda: self._opened().renew(instance_id)):
            raise UnknownLease(metadata={"instance": instance_id})
        return Lease(instance_id, self._ttl)

    async def deregister(self, instance_id: str) -> None:
        """See ``Registry.deregister``."""
        await self._run(lambda: self._opened().deregister(instance_id))

    async def watch(self) -> AsyncGenerator[Delta, None]:
        """See ``Registry.watch``: looks every 100 ms, so that what changed between two looks is one delta."""
        reader = await self._run(self._new_reader)
        ages = LeaseClock(self._ttl)
        rows, seen = Rows({}, {}, (), {}, {}), None
        try:
            while not self._closing.is_set():
                fresh = await self._run(reader.poll)
                rows = fresh or rows
                ages.look(self._clock(), None if fresh is None else _mortal(rows))
                over = ages.over()
                living = {key: entry for key, entry in rows.entries.items() if key not in over}
                state = Snapshot(living, rows.switches, rows.subjects, rows.unread)
                delta = difference(seen, state)
                if delta is not None:
                    seen = state
                    yield delta
                await self._reap(rows, ages)
                await wait_or_sleep(self._closing, POLL, self._sleep)
        finally:
            if not self._closing.is_set():
                await self._run(lambda: self._close_reader(reader))

    async def manifest(self, digest: str) -> Manifest:
        """See ``Registry.manifest``."""
        data = await self._run(lambda: self._opened().manifest(digest))
        if data is None:
            raise KeyError(digest)
        return Manifest.decode(data)

    async def put_blob(self, data: bytes) -> str:
        """See ``Registry.put_blob``."""
        check_blob(data)
        return await self._run(lambda: self._opened().put_blob(data))

    async def get_blob(self, digest: str) -> bytes:
        """See ``Registry.get_blob``."""
        data = await self._run(lambda: self._opened().get_blob(digest))
        if data is None:
            raise KeyError(digest)
        return data

    async def subject(self, name: str) -> str:
        """See ``Registry.subject``."""
        check_subject(name)
        return await self._run(lambda: self._opened().subject(name))

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """See ``Registry.put_subject``."""
        check_subject(name, digest)
        return await self._run(lambda: self._opened().put_subject(name, digest, expected))

    async def documents(self) -> frozenset[str]:
        """See ``Registry.documents``."""
        return await self._run(lambda: self._opened().documents())

    async def stamp(self, digest: str) -> int | None:
        """See ``Registry.stamp``."""
        return await self._run(lambda: self._opened().stamp(digest))

    async def discard(self, digest: str, stamp: int) -> bool:
        """See ``Registry.discard``. What a row names stays, whoever asks. The file becomes smaller."""
        return await self._run(lambda: self._discard(digest, stamp))

    async def throw(self, switch: Switch) -> None:
        """See ``Registry.throw``."""
        check_switch(switch)
        await self._run(lambda: self._opened().throw(switch))

    async def lift(self, switch: Switch) -> None:
        """See ``Registry.lift``."""
        await self._run(lambda: self._opened().lift(switch))

    async def aclose(self) -> None:
        """See ``Registry.aclose``."""
        if not self._closing.is_set():
            await self._run(self._close_all)
            self._closing.set()
            self._worker.shutdown(wait=False)

    # --- inside ---

    async def _run(self, job: Callable[[], T]) -> T:
        """Do ``job`` in the worker thread, with its failures as ``RegistryUnavailable``."""
        if self._closing.is_set():
            raise RegistryUnavailable("this registry is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, job)
        except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise RegistryUnavailable(f"the registry file {self.path} cannot be used: {why}") from error

    async def _reap(self, rows: Rows, ages: LeaseClock) -> None:
        long_over = sorted(ages.older_than(max(REAP_AFTER, self._ttl)))
        for key in long_over:
            await self._run(partial(self._reap_one, key, *rows.counters[key]))
        ages.forget(long_over)

    # The rest runs in the worker thread.

    def _opened(self) -> Store:
        if self._store is not None:
            try:
                check_same(self.path, self._store.inode)
            except RegistryUnavailable:
                self._store.close()
                self._store = None
        if self._store is None:
            self._store = Store(self.path)
        return self._store

    def _new_reader(self) -> Reader:
        reader = Reader(self.path)
        self._readers.add(reader)
        return reader

    def _close_reader(self, reader: Reader) -> None:
        self._readers.discard(reader)
        reader.close()

    def _close_all(self) -> None:
        for reader in list(self._readers):
            self._close_reader(reader)
        if self._store is not None:
            self._store.close()

    def _discard(self, digest: str, stamp: int) -> bool:
        store = self._opened()
        gone = store.discard(digest, stamp)
        if gone:
            store.shrink()
        return gone

    def _reap_one(self, instance_id: str, epoch: int, renewals: int) -> None:
        self._opened().reap(instance_id, epoch, renewals)


def _mortal(rows: Rows) -> dict[str, tuple[int, int]]:
    """The counters of leases that can run out."""
    return {key: counter for key, counter in rows.counters.items() if not _lasting(rows.entries[key])}


def _lasting(entry: Entry) -> bool:
    return entry.instance.lasting
