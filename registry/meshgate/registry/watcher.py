"""The watcher: follows a registry into an index, also through the registry's outages. Each gateway has one."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

from meshgate.registry.async_wait import Sleep, wait_or_sleep
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.hold_down import HoldDown
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Delta, Entry, Instance, Switch
from meshgate.registry.row_filter import PassedOver, RowFilter
from meshgate.registry.snapshot import read_snapshot, write_snapshot

__all__ = ["Watcher"]

log = logging.getLogger("meshgate.registry")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between attempts to watch again: the first, doubling up to the longest, each times 0.5 to 1 at random."""

SAVE_EVERY = 1.0
"""Seconds between two writes of the snapshot, at least."""


class Watcher:
    """Keeps ``index`` as the registry has it; serves what was last known while the registry is away.

    Args:
        registry: what to watch. It is not closed here.
        index: what to keep; nobody else applies deltas to it.
        snapshot: a file for the last known state, read at the start; None for none.
        clock: seconds, monotonic.
        sleep: how to wait, on the same time as ``clock``.
        rng: for jitter.
        hold: the rule against believing a sudden loss.
        genuine: whether an instance that is no agent proves that it belongs to the mesh; all do if left out.
    """

    def __init__(
        self,
        registry: Registry,
        index: Index,
        snapshot: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
        hold: HoldDown | None = None,
        genuine: Callable[[Instance], bool] = lambda _: True,
    ) -> None:
        self.index = index
        self.ready = asyncio.Event()
        """Set once the index has content, from the registry or from the snapshot."""
        self.heard = asyncio.Event()
        """Set once the registry has answered, or has failed to."""
        self.on_change: list[Callable[[Delta], None]] = []
        """Called with each delta after it went into the index; the first may be a reset. They must not raise."""
        self.reason = "the registry has not answered yet"
        """Why the index is stale, for people; "" if it is not."""
        self._registry = registry
        self._snapshot = snapshot
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._hold = hold or HoldDown()
        self._filter = RowFilter(genuine=genuine)
        self._stale_since: float | None = clock()
        self._saved_revision = 0
        self._save_at = clock()
        self._one_write = threading.Lock()
        self._contacts = 0

    @property
    def stale(self) -> bool:
        """Whether the registry is out of reach, so that the index is what was last known."""
        return self._stale_since is not None

    @property
    def held(self) -> frozenset[str]:
        """Ids that the registry lost suddenly and that are still served."""
        return self._hold.held

    @property
    def saved(self) -> bool:
        """Whether the snapshot holds what the index holds."""
        return self._snapshot is not None and self._saved_revision == self.index.revision

    @property
    def contacts(self) -> int:
        """How many deltas the registry itself has given; none while the index is what the snapshot holds."""
        return self._contacts

    @property
    def passed_over(self) -> Mapping[PassedOver, int]:
        """How many rows this release cannot use, by reason: what a later release wrote, or nobody can read."""
        return self._filter.passed_over

    @property
    def older_gateways(self) -> frozenset[str]:
        """Ids of listed gateways of release 0.1, which share no mesh with this one."""
        return self._filter.older

    def stale_seconds(self) -> float:
        """For how long the registry has been out of reach; 0.0 while it is not."""
        return 0.0 if self._stale_since is None else max(0.0, self._clock() - self._stale_since)

    async def run(self) -> None:
        """Follow the registry until it is closed or this is cancelled."""
        self._load()
        pause = FIRST_PAUSE
        while True:
            seen = self._contacts
            try:
                async with aclosing(self._registry.watch()) as deltas:
                    await self._follow(deltas)
                return
            except RegistryUnavailable as error:
                self._lose(error)
            pause = FIRST_PAUSE if self._contacts > seen else min(2 * pause, LONGEST_PAUSE)
            await self._sleep(pause * self._rng.uniform(0.5, 1.0))

    async def _follow(self, deltas: AsyncGenerator[Delta, None]) -> None:
        upcoming = asyncio.ensure_future(_next(deltas))
        try:
            while True:
                await wait_or_sleep(upcoming, self._until_due(), self._sleep)
                if upcoming.done():
                    delta = upcoming.result()
                    if delta is None:
                        return
                    self._hear(delta)
                    upcoming = asyncio.ensure_future(_next(deltas))
                self._apply(self._hold.release(self._clock()))
                await self._save()
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)

    def _until_due(self) -> float | None:
        unsaved = self._snapshot is not None and not self.saved
        due = [at for at in (self._hold.due(), self._save_at if unsaved else None) if at is not None]
        return min(due) - self._clock() if due else None

    def _hear(self, delta: Delta) -> None:
        self._contacts += 1
        self.heard.set()
        delta = self._usable(delta)
        if self.stale:
            log.info("the registry answers", extra={"stale_seconds": self.stale_seconds()})
        self._stale_since, self.reason = None, ""
        if delta.reset and not set(self.index.switches) <= set(delta.switches or ()):
            log.warning(
                "the registry was reset and lacks a kill switch that was thrown: throw it again if it should stay"
            )
        lost = sum(name not in delta.subjects for name in self.index.subjects) if delta.subjects is not None else 0
        if lost:
            log.warning("the registry lost contracts of skills that it had", extra={"subjects": lost})
        held = len(self._hold.held)
        self._apply(self._hold.sift(delta, self.index.entries, self._clock()))
        if len(self._hold.held) > held:
            log.warning("the registry suddenly lists less: kept for now", extra={"held": len(self._hold.held)})
        self.ready.set()

    def _lose(self, error: RegistryUnavailable) -> None:
        if not self.stale:
            self._stale_since = self._clock()
        if self.reason != error.message:
            log.warning("the registry is out of reach, what was last known stays in force: %s", error.message)
        self.reason = error.message
        self.heard.set()
        self._hold.forget()

    def _usable(self, delta: Delta) -> Delta:
        before = self.passed_over
        usable = self._filter.apply(delta)
        if self.passed_over != before:
            log.warning("rows of the registry are passed over", extra={"passed_over": dict(self.passed_over)})
        return usable

    def _apply(self, delta: Delta | None) -> None:
        if delta is not None and self.index.apply(delta):
            for tell in self.on_change:
                tell(delta)

    # --- the snapshot ---

    async def save(self) -> None:
        """Write the snapshot now, if it lacks anything: the process is about to end."""
        self._save_at = self._clock()
        await self._save()

    def _load(self) -> None:
        if self._snapshot is None:
            return
        try:
            delta = read_snapshot(self._snapshot)
        except (OSError, ValueError) as error:
            log.warning("the registry snapshot is not used: %s", error)
            return
        if delta is not None:
            self._apply(self._usable(delta))
            self._saved_revision = self.index.revision
            self.ready.set()

    async def _save(self) -> None:
        now = self._clock()
        if self._snapshot is None or self.saved or now < self._save_at:
            return
        self._save_at = now + SAVE_EVERY
        index = self.index
        revision, entries = index.revision, list(index.entries.values())
        try:
            await asyncio.to_thread(self._write, self._snapshot, entries, index.switches, index.subjects)
        except OSError as error:
            log.warning("the registry snapshot cannot be written: %s", error)
            return
        self._saved_revision = revision

    def _write(
        self, path: Path, entries: list[Entry], switches: tuple[Switch, ...], subjects: Mapping[str, str]
    ) -> None:
        # A thread goes on when what waits for it is cancelled: without the lock, a write that was begun before the
        # last one could end after it and leave the older state.
        with self._one_write:
            write_snapshot(path, entries, switches, subjects)


async def _next(deltas: AsyncGenerator[Delta, None]) -> Delta | None:
    """The next delta, or None after the last."""
    try:
        return await anext(deltas)
    except StopAsyncIteration:
        return None
