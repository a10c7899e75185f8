"""The converters between releases: each is compiled when a call first needs it, in a thread, and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from meshgate.a2a.errors import ConversionFailed
from meshgate.a2a.limits import Limits
from meshgate.a2a.version_syntax import parse_version
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.side_migrations import releases_of_side
from meshgate.gateway.contracts.transform import (
    CompiledContract,
    Converter,
    MigrationFunction,
    Side,
    installed_functions,
    make_converter,
)
from meshgate.registry.schemas import BadSchema, Image, Release

__all__ = ["Converters"]

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")
_Key = tuple[str, Side, str, str]
"""The digest of the subject's document, the side, the source's version and the target's."""


class Converters:
    """The converters between the releases of all subjects.

    Args:
        catalogue: where releases and images come from.
        limits: how many converters are kept (``mediation_ways``), and what one may cost.
        functions: the migration functions that the operator installed; looked up at first need if left out.
    """

    def __init__(
        self, catalogue: Catalogue, limits: Limits, functions: Mapping[str, MigrationFunction] | None = None
    ) -> None:
        self.catalogue = catalogue
        self._limits = limits
        self._functions = functions
        self._contracts: OrderedDict[tuple[str, str, str], CompiledContract] = OrderedDict()
        self._kept: OrderedDict[_Key, Converter | ConversionFailed] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None
        self._missed: OrderedDict[tuple[str, str], None] = OrderedDict()
        """The releases that did not arrive while a call waited for them."""

    async def wait_for(self, name: str, version: str) -> KnownContract | None:
        """The contract of a skill once it has that release, or what is known of it after ``mediation_wait`` seconds.

        Instances and contracts come from the registry separately, so the contract of a release may arrive after its
        first instance. Calls wait for a release only once: a contract that the registry has lost does not arrive until
        the agent joins again.

        Args:
            name: AGENT/SKILL.
            version: the release that the agent runs.
        """
        known = self.catalogue.subject(name)
        if (known is not None and known.runs(version)) or (name, version) in self._missed:
            return known
        changed = asyncio.Event()

        def on_change(subject: str) -> None:
            if subject == name:
                changed.set()

        self.catalogue.on_change.append(on_change)
        try:
            async with asyncio.timeout(self._limits.mediation_wait):
                while (known := self.catalogue.subject(name)) is None or not known.runs(version):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            self._keep(self._missed, (name, version), None)
        finally:
            self.catalogue.on_change.remove(on_change)
        return known

    def kept(self, known: KnownContract, side: Side, source: str, target: str) -> Converter | None:
        """The converter if it is compiled already, for the path of a call."""
        key = known.digest, side, source, target
        found = self._kept.get(key)
        if not isinstance(found, Converter):
            return None
        self._kept.move_to_end(key)
        return found

    async def in_thread(self, work: Callable[..., _T], *given: Any) -> _T:
        """Do work that may take long in one of a few threads (``mediation_threads``)."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._limits.mediation_threads, "meshgate-mediation")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def close(self) -> None:
        """Let the threads end when they are done."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def get(self, known: KnownContract, side: Side, source: str, target: str) -> Converter | None:
        """The converter from one release to another; None if one of them has no contract on that side.

        Raises:
            ConversionFailed: there is none, because a declared migration cannot be used.
            RegistryUnavailable: a schema is not here, and the registry is unavailable.
        """
        key = known.digest, side, source, target
        found = self._kept.get(key)
        if found is None:
            found = await self._compile(known, side, source, target)
            if found is None:
                return None
            self._keep(self._kept, key, found)
        else:
            self._kept.move_to_end(key)
        if isinstance(found, ConversionFailed):
            raise ConversionFailed(found.message, metadata=found.metadata)
        return found

    async def _compile(
        self, known: KnownContract, side: Side, source: str, target: str
    ) -> Converter | ConversionFailed | None:
        between = _releases_between(known, source, target)
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
        """Compile the converter. This runs in a thread, because a contract takes a while to compile."""
        if self._functions is None and any(each.function for one in releases for each in one.migrations):
            self._functions = installed_functions()

        def contract(release: Release) -> CompiledContract:
            ref = release.side(side)
            if ref is None:
                raise BadSchema(release.version, f"has no {side}", "declare it, or migrate past this release")
            return self._contract(images[ref.hash], ref.type, release.version)

        try:
            usable = releases_of_side([one for one in releases if one.side(side) is not None], side, images)
            return make_converter(
                usable, contract(first), contract(last), contract, self._functions or {}, self._limits
            )
        except BadSchema as error:
            told = f"there is no way from {first.version} to {last.version}: {error.message}"
            return ConversionFailed(told, metadata={"from": first.version, "to": last.version})

    def _contract(self, image: Image, type_name: str, version: str) -> CompiledContract:
        key = image.digest, type_name, version
        found = self._contracts.get(key)
        if found is None:
            found = CompiledContract(image, type_name, version, self._limits)
            self._keep(self._contracts, key, found)
        return found

    def _keep(self, kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
        kept[key] = value
        while len(kept) > self._limits.mediation_ways:
            kept.popitem(last=False)


def _releases_between(known: KnownContract, source: str, target: str) -> list[Release]:
    """The releases from the source to the target. A proposed one between them counts for nobody else."""
    low, high = sorted((parse_version(source), parse_version(target)))
    on_way = (one for one in known.releases.values() if low <= one.semver() <= high)
    return [one for one in on_way if one.version in (source, target) or known.runs(one.version)]
