"""The catalogue of all skills' contracts: a background task follows the registry, and calls look contracts up.

A subject is never deleted. If the registry had a subject while this gateway watched and no longer has it, the registry
lost it: the catalogue keeps the subject and puts it back, with its history, before returning agents begin a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping

import structlog

from meshgate.a2a.errors import MeshError
from meshgate.gateway.contracts.known_contract import KnownContract, digests_of, index_subject
from meshgate.gateway.contracts.store import SchemaStore, split_name
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.model import Delta
from meshgate.registry.schemas import Image, Subject
from meshgate.registry.watcher import Watcher

__all__ = ["Catalogue"]

log = structlog.get_logger(__name__)
_AT_ONCE = 8
_AT_MOST = 1000
"""How many names the log warns of, each once."""
_SWEEP_AFTER = 1000
"""How many documents are fetched between two sweeps of the folder; the first sweep follows the start."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds before a failed fetch is tried again: the first pause, and the longest."""


class Catalogue:
    """Every subject of the registry, kept current in the background.

    Args:
        store: reads documents and images.
        watcher: reports changes of the registry; the catalogue subscribes to it.
    """

    def __init__(self, store: SchemaStore, watcher: Watcher) -> None:
        self.store = store
        self._watcher = watcher
        self._known: dict[str, KnownContract] = {}
        self._wanted: Mapping[str, str] = {}
        self._behind: dict[str, str] = {}
        """The digests of changed subjects that are still to be fetched, by name."""
        self._lost: set[str] = set()
        """The subjects that the registry lost and that are still to be put back."""
        self._images: dict[str, None] = {}
        """Digests of images that are still to be saved to disk, in the order of the requests (a dict keeps it)."""
        self._changed = asyncio.Event()
        self._fetched = _SWEEP_AFTER
        self._warned: set[str] = set()
        self.on_change: list[Callable[[str], None]] = []
        """Callbacks that get the name of each subject after it changed here. They must not raise."""
        watcher.on_change.append(self._on_delta)

    # -- the path of a call

    def subject(self, name: str) -> KnownContract | None:
        """The contract of ``AGENT/SKILL``; None if it has none."""
        return self._known.get(name)

    def last(self, name: str) -> Subject | None:
        """The last known state of a subject, for when the registry is unavailable."""
        known = self._known.get(name)
        return known.subject if known is not None else None

    async def load(self, digest: str) -> Image:
        """An image, from memory, disk or the registry.

        Raises:
            RegistryUnavailable: the image is not here, and the registry is unavailable or has lost it.
        """
        try:
            return await self.store.image(digest)
        except KeyError:
            raise RegistryUnavailable(f"the registry has lost the schema {digest}: restore it from a backup") from None

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[tuple[str, KnownContract]]:
        """All contracts with their names, in the order of the names."""
        return iter(sorted(self._known.items()))

    @property
    def behind(self) -> int:
        """How many subjects have changed in the registry and are not fetched yet."""
        return len(self._behind)

    @property
    def complete(self) -> bool:
        """Whether this knows every subject of a registry that answers now, and there is no row it cannot read."""
        watcher = self._watcher
        return watcher.contacts > 0 and not watcher.stale and not watcher.passed_over and self.settled

    @property
    def settled(self) -> bool:
        """Whether every known change of the registry is fetched, and saved to disk if there is a folder."""
        return not (self._behind or self._lost or self._images)

    # -- following

    def _on_delta(self, delta: Delta) -> None:
        if delta.subjects is None:
            return
        for name, digest in delta.subjects.items():
            known = self._known.get(name)
            if known is None or known.digest != digest:
                self._behind[name] = digest
            else:
                self._behind.pop(name, None)
            self._lost.discard(name)
        for name in self._wanted.keys() - delta.subjects.keys():
            self._behind.pop(name, None)
            self._on_missing(name)
        self._wanted = delta.subjects
        self._changed.set()

    def _on_missing(self, name: str) -> None:
        # A subject that was only in the snapshot may never have been in this registry, so the registry's word counts.
        if self._watcher.contacts > 1 and name in self._known:
            self._lost.add(name)
        elif self._known.pop(name, None) is not None:
            self._notify(name)

    async def run(self) -> None:
        """Fetch changed subjects and put lost ones back, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            done = await self._catch_up()
            if done:
                pause = _FIRST_PAUSE
                await self._changed.wait()
            else:
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    pause = min(2 * pause, _LONGEST_PAUSE)
            self._changed.clear()

    async def _catch_up(self) -> bool:
        """Do one round of work; true if nothing is left to do."""
        rounds = ((self._lost, self.restore), (self._behind, self._fetch), (self._images, self._save_image))
        for names, work in rounds:
            if not await self._each(list(names), work):
                return False
        if not self.settled:
            return False
        if self._fetched >= _SWEEP_AFTER and self._wanted:
            self._fetched = 0
            await self.store.sweep(self.used())
        return True

    def used(self) -> set[str]:
        """The digests of all documents and images that the known subjects name."""
        used = {known.digest for known in self._known.values()}
        for known in self._known.values():
            used |= digests_of(known.subject)
        return used

    async def _each(self, names: list[str], work: Callable[[str], Awaitable[None]]) -> bool:
        """Do ``work`` for each name, a few at once; false if the registry is unavailable, so the rest has to wait."""
        waiting = iter(names)

        async def worker() -> bool:
            for name in waiting:
                try:
                    await work(name)
                except RegistryUnavailable:
                    return False
                except (KeyError, MeshError) as error:
                    self._warn_once(name, f"{type(error).__name__}: {error}")
            return True

        return all(await asyncio.gather(*(worker() for _ in range(min(_AT_ONCE, len(names))))))

    def _warn_once(self, what: str, reason: str) -> None:
        if what not in self._warned and len(self._warned) < _AT_MOST:
            self._warned.add(what)
            log.warning("contract_not_fetched", what=what, reason=reason)

    async def _fetch(self, name: str) -> None:
        digest = self._behind.get(name)
        if digest is None:
            return
        subject = await self.store.document(digest)
        if (subject.agent, subject.skill) != split_name(name):
            raise KeyError(name)
        if self._behind.get(name) != digest:
            return  # the subject changed again; the next round fetches it
        del self._behind[name]
        self._fetched += 1
        # The document too: a sweep that began before it was known may have taken it for a file that nothing needs.
        self._images |= dict.fromkeys([digest, *sorted(digests_of(subject, retired=False))])
        self.learn(name, index_subject(digest, subject))

    def learn(self, name: str, known: KnownContract) -> None:
        """Set the contract of a subject."""
        self._known[name] = known
        self._notify(name)

    async def _save_image(self, digest: str) -> None:
        await self.store.have(digest)
        self._images.pop(digest, None)

    async def restore(self, name: str) -> None:
        """Put a subject that the registry lost back, with the images it needs, if this gateway saw it there.

        Raises:
            RegistryUnavailable: the registry is unavailable.
        """
        known = self._known.get(name)
        if known is None or not self._watcher.contacts:
            return
        for digest in sorted(digests_of(known.subject)):
            try:
                await self.store.put(await self.store.blob(digest))
            except KeyError:
                log.warning("schema_lost", subject=name, schema=digest)
        back = await self.store.write(name, known.subject, "")
        self._lost.discard(name)
        if back:
            log.warning("contract_put_back", subject=name)

    def _notify(self, name: str) -> None:
        for callback in self.on_change:
            callback(name)
