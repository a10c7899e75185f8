"""The ways between releases that calls take: compiled at first use beside the event loop, and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor

from meshgate.a2a.errors import ConversionFailed
from meshgate.a2a.limits import Limits
from meshgate.a2a.version_syntax import parse_version
from meshgate.gateway.contracts.catalogue import Catalogue, Known
from meshgate.gateway.contracts.transform import Contract, Converter, Function, Side, connect, installed
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, Release

__all__ = ["Mediator", "has_path", "sided"]

_T = TypeVar("_T")
_Way = tuple[str, Side, str, str]
_Contracts = OrderedDict[tuple[str, str, str], Contract]


class Mediator:
    """Converters between the releases of subjects.

    Args:
        catalogue: where releases and images come from.
        limits: how many ways are kept (``mediation_ways``), and what one may cost.
        functions: what the operator installed; looked up when it is first needed, if left out.
    """

    def __init__(self, catalogue: Catalogue, limits: Limits, functions: Mapping[str, Function] | None = None) -> None:
        self.catalogue = catalogue
        self._limits = limits
        self._functions = functions
        self._contracts: _Contracts = OrderedDict()
        self._ways: OrderedDict[_Way, Converter | ConversionFailed] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None
        self._vain: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Releases that were waited for in vain."""

    async def known(self, name: str, version: str, *, contract: bool) -> Known | None:
        """A subject as far as it is known here. Instances and contracts come from the registry on different ways: one
        of a release that is not here yet (``contract`` says that it has one) is waited for, ``mediation_wait`` long.
        That is done once: of an agent that joined at a gateway of 0.1.0 it does not come until the agent joins again.
        """
        known = self.catalogue.subject(name)
        if not contract or (known is not None and known.runs(version)) or (name, version) in self._vain:
            return known
        news = asyncio.Event()

        def learn(changed: str) -> None:
            if changed == name:
                news.set()

        self.catalogue.on_change.append(learn)
        try:
            async with asyncio.timeout(self._limits.mediation_wait):
                while (known := self.catalogue.subject(name)) is None or not known.runs(version):
                    news.clear()
                    await news.wait()
        except TimeoutError:
            self._vain[name, version] = None
            while len(self._vain) > self._limits.mediation_ways:
                self._vain.popitem(last=False)
            return known
        finally:
            self.catalogue.on_change.remove(learn)
        return known

    def kept(self, known: Known, side: Side, source: str, target: str) -> Converter | None:
        """The way, if it was made already; for who cannot wait."""
        key = known.digest, side, source, target
        found = self._ways.get(key)
        if not isinstance(found, Converter):
            return None
        self._ways.move_to_end(key)
        return found

    async def beside(self, work: Callable[..., _T], *given: Any) -> _T:
        """Do work that may take long in one of a few threads (``mediation_threads``)."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._limits.mediation_threads, "meshgate-mediation")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def close(self) -> None:
        """Let the threads end when they are done."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def way(self, known: Known, side: Side, source: str, target: str) -> Converter | None:
        """The way from one release to another; None if one of them has no contract on that side.

        Raises:
            ConversionFailed: there is none, because a declared migration cannot be used.
            RegistryUnavailable: a schema is not here, and the registry cannot be asked.
        """
        key = known.digest, side, source, target
        found = self._ways.get(key)
        if found is None:
            made = await self._make(known, side, source, target)
            if made is None:
                return None
            found = self._ways[key] = made
            while len(self._ways) > self._limits.mediation_ways:
                self._ways.popitem(last=False)
        else:
            self._ways.move_to_end(key)
        if isinstance(found, ConversionFailed):
            raise ConversionFailed(found.message, metadata=found.metadata)
        return found

    async def _make(self, known: Known, side: Side, source: str, target: str) -> Converter | ConversionFailed | None:
        between = _between(known, source, target)
        first, last = known.releases[source], known.releases[target]
        if first.side(side) is None or last.side(side) is None:
            return None
        images: dict[str, Image] = {}
        for release in between:
            ref = release.side(side)
            if ref is not None and ref.hash not in images:
                images[ref.hash] = await self.catalogue.load(ref.hash)
        return await asyncio.to_thread(self._connect, between, side, first, last, images)

    def _connect(
        self, releases: Sequence[Release], side: Side, first: Release, last: Release, images: Mapping[str, Image]
    ) -> Converter | ConversionFailed:
        """In a thread: compiling a contract takes a while."""
        if self._functions is None and any(each.function for one in releases for each in one.migrations):
            self._functions = installed()

        def contract(release: Release) -> Contract:
            ref = release.side(side)
            if ref is None:
                raise BadSchema(release.version, f"has no {side}", "declare it, or migrate past this release")
            return self._contract(images[ref.hash], ref.type, release.version)

        try:
            usable = sided([one for one in releases if one.side(side) is not None], side, images)
            return connect(usable, contract(first), contract(last), contract, self._functions or {}, self._limits)
        except BadSchema as error:
            told = f"there is no way from {first.version} to {last.version}: {error.message}"
            return ConversionFailed(told, metadata={"from": first.version, "to": last.version})

    def _contract(self, image: Image, type_name: str, version: str) -> Contract:
        key = image.digest, type_name, version
        found = self._contracts.get(key)
        if found is None:
            found = self._contracts[key] = Contract(image, type_name, version, self._limits)
            while len(self._contracts) > self._limits.mediation_ways:
                self._contracts.popitem(last=False)
        return found


def sided(releases: Sequence[Release], side: Side, images: Mapping[str, Image]) -> list[Release]:
    """The releases with what of their migrations is for one side: a path counts where it names a field.

    Args:
        releases: of one subject, those that have that side.
        images: their images, by digest.
    """
    descriptors = {one.version: images[ref.hash].message(ref.type) for one in releases if (ref := one.side(side))}
    found: list[Release] = []
    for release in releases:
        own = [descriptors[release.version]]
        others = [each for version, each in descriptors.items() if version != release.version]
        migrations = tuple(
            narrowed
            for each in release.migrations
            if each.side in ("", side) and (narrowed := _narrow(each, own, others)) is not None
        )
        found.append(msgspec.structs.replace(release, migrations=migrations))
    return found


def _narrow(migration: Migration, own: Sequence[Descriptor], others: Sequence[Descriptor]) -> Migration | None:
    if migration.function or migration.side:
        return migration
    up = {path: text for path, text in migration.up.items() if any(has_path(each, path) for each in own)}
    down = {path: text for path, text in migration.down.items() if any(has_path(each, path) for each in others)}
    return msgspec.structs.replace(migration, up=up, down=down) if up or down else None


def has_path(descriptor: Descriptor, path: str) -> bool:
    """Whether a message has a field at this path: names with dots between."""
    scope: Descriptor | None = descriptor
    for name in path.split("."):
        field = scope.fields_by_name.get(name) if scope is not None else None
        if field is None:
            return False
        scope = field.message_type
    return True


def _between(known: Known, source: str, target: str) -> list[Release]:
    """The releases on the way. What is only proposed changes nothing for others."""
    low, high = sorted((parse_version(source), parse_version(target)))
    on_way = (one for one in known.releases.values() if low <= one.semver() <= high)
    return [one for one in on_way if one.version in (source, target) or known.runs(one.version)]
