"""The contracts of all skills as the path of a call reads them: followed in the background, looked up in O(1).

A subject is never deleted. One that the registry had while this gateway watched, and has no more, was lost: the
catalogue keeps it and puts it back, with its history, before the agents that come back begin a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping

import msgspec
import structlog

from meshgate.a2a.errors import MeshError
from meshgate.gateway.contracts.store import SchemaStore, split_name
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.model import Delta
from meshgate.registry.schemas import Image, Release, Stage, Subject
from meshgate.registry.watcher import Watcher

__all__ = ["Catalogue", "Known", "digests_of", "know"]

log = structlog.get_logger(__name__)
_AT_ONCE = 8
_AT_MOST = 1000
"""How many names are warned of, each once."""
_SWEEP_AFTER = 1000
"""How many documents are fetched until the folder is swept again; the first sweep is after the start."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds until what could not be fetched is asked for again: the first time, and at most."""


class Known(msgspec.Struct, frozen=True):
    """One subject, made ready to be asked. ``releases`` is keyed by version, the oldest first."""

    digest: str
    subject: Subject
    releases: Mapping[str, Release]
    by_type: Mapping[str, Release]
    """For each full name of a message, input or output, the newest release that uses it and is served."""
    types: frozenset[str]
    """The full names of the messages of all releases, served or not."""

    def runs(self, version: str) -> bool:
        """Whether an agent may run that release: what is only proposed holds for nobody yet."""
        release = self.releases.get(version)
        return release is not None and release.stage is not Stage.PROPOSED


def know(digest: str, subject: Subject) -> Known:
    """The subject with its indexes."""
    sides = [(side.type, one) for one in subject.releases for side in one.sides]
    by_type = {name: release for name, release in sides if release.served}
    releases = {one.version: one for one in subject.releases}
    return Known(digest, subject, releases, by_type, frozenset(name for name, _ in sides))


def digests_of(subject: Subject, *, retired: bool = True) -> set[str]:
    """The digests of the images that its releases need, those of retired ones included or not."""
    listed = (one for one in subject.releases if retired or one.stage is not Stage.RETIRED)
    return {side.hash for one in listed for side in one.sides}


class Catalogue:
    """Every subject that the registry has, kept current beside the path of calls.

    Args:
        store: where documents and images come from.
        watcher: tells of changes; the catalogue hooks onto it.
    """

    def __init__(self, store: SchemaStore, watcher: Watcher) -> None:
        self.store = store
        self._watcher = watcher
        self._known: dict[str, Known] = {}
        self._wanted: Mapping[str, str] = {}
        self._behind: dict[str, str] = {}
        """What is to be fetched: name to digest."""
        self._lost: set[str] = set()
        """What the registry had and lost, until it is put back."""
        self._images: dict[str, None] = {}
        """Digests of documents and images to have on disk, in the order in which they were asked for."""
        self._news = asyncio.Event()
        self._fetched = _SWEEP_AFTER
        self._odd: set[str] = set()
        self.on_change: list[Callable[[str], None]] = []
        """Called with the name of each subject after it changed here. They must not raise."""
        watcher.on_change.append(self._learn)

    # -- the path of a call

    def subject(self, name: str) -> Known | None:
        """What is known of ``AGENT/SKILL``; None if it has no contract."""
        return self._known.get(name)

    def last(self, name: str) -> Subject | None:
        """The subject as it was known last, for when the registry is away."""
        known = self._known.get(name)
        return known.subject if known is not None else None

    async def load(self, digest: str) -> Image:
        """An image, from memory, disk or registry.

        Raises:
            RegistryUnavailable: it is not here, and the registry cannot be asked or has lost it.
        """
        try:
            return await self.store.image(digest)
        except KeyError:
            raise RegistryUnavailable(f"the registry has lost the schema {digest}: restore it from a backup") from None

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[tuple[str, Known]]:
        """All subjects by name, in the order of their names."""
        return iter(sorted(self._known.items()))

    @property
    def behind(self) -> int:
        """How many subjects have changed and are not fetched yet."""
        return len(self._behind)

    @property
    def settled(self) -> bool:
        """Whether everything that is known of the registry is fetched, and on disk if there is a folder."""
        return not (self._behind or self._lost or self._images)

    # -- following

    def _learn(self, delta: Delta) -> None:
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
            self._miss(name)
        self._wanted = delta.subjects
        self._news.set()

    def _miss(self, name: str) -> None:
        # What was in the snapshot alone is not known to have been in this registry: it is believed about that.
        if self._watcher.contacts > 1 and name in self._known:
            self._lost.add(name)
        elif self._known.pop(name, None) is not None:
            self._tell(name)

    async def run(self) -> None:
        """Fetch what changed, and put back what was lost, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            done = await self._catch_up()
            if done:
                pause = _FIRST_PAUSE
                await self._news.wait()
            else:
                try:
                    async with asyncio.timeout(pause):
                        await self._news.wait()
                except TimeoutError:
                    pause = min(2 * pause, _LONGEST_PAUSE)
            self._news.clear()

    async def _catch_up(self) -> bool:
        """One round; true if nothing is left to do."""
        rounds = ((self._lost, self.restore), (self._behind, self._fetch), (self._images, self._have))
        for names, work in rounds:
            if not await self._each(list(names), work):
                return False
        if not self.settled:
            return False
        if self._fetched >= _SWEEP_AFTER and self._wanted:
            self._fetched = 0
            used = {known.digest for known in self._known.values()}
            for known in self._known.values():
                used |= digests_of(known.subject)
            await self.store.sweep(used)
        return True

    async def _each(self, names: list[str], work: Callable[[str], Awaitable[None]]) -> bool:
        """Do ``work`` for each name, a few at once; false if the registry is away, so that the rest waits too."""
        waiting = iter(names)

        async def hand() -> bool:
            for name in waiting:
                try:
                    await work(name)
                except RegistryUnavailable:
                    return False
                except (KeyError, MeshError) as error:
                    self._once(name, f"{type(error).__name__}: {error}")
            return True

        return all(await asyncio.gather(*(hand() for _ in range(min(_AT_ONCE, len(names))))))

    def _once(self, what: str, reason: str) -> None:
        if what not in self._odd and len(self._odd) < _AT_MOST:
            self._odd.add(what)
            log.warning("contract_not_fetched", what=what, reason=reason)

    async def _fetch(self, name: str) -> None:
        digest = self._behind.get(name)
        if digest is None:
            return
        subject = await self.store.document(digest)
        if (subject.agent, subject.skill) != split_name(name):
            raise KeyError(name)
        if self._behind.get(name) != digest:
            return  # it changed again; the next round has it
        del self._behind[name]
        self._fetched += 1
        # The document too: a sweep that began before it was known may have taken it for a file that nothing needs.
        self._images |= dict.fromkeys([digest, *sorted(digests_of(subject, retired=False))])
        self.learn(name, know(digest, subject))

    def learn(self, name: str, known: Known) -> None:
        """Know this of a subject from now on."""
        self._known[name] = known
        self._tell(name)

    async def _have(self, digest: str) -> None:
        await self.store.have(digest)
        self._images.pop(digest, None)

    async def restore(self, name: str) -> None:
        """Put a subject that the registry has no more back, with the images it needs, if this gateway saw it there.

        Raises:
            RegistryUnavailable: the registry cannot be asked.
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

    def _tell(self, name: str) -> None:
        for tell in self.on_change:
            tell(name)
