"""The sweeper: what nothing names for an hour goes, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.contracts.sweeper import Sweeper
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import HeldCard, Manifest, Provenance
from meshgate.registry.watcher import Watcher
from tests.gateway.contracts.schemas import FIRST, GROWN, contract, instance_of, manifest_of
from tests.registry.samples import SUMMARISER, agent
from tests.registry.schemas.build import compiled
from tests.registry.virtual import until

pytestmark = pytest.mark.requirement("registry.swept")
HOUR = DEFAULTS.orphan_seconds


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Swept:
    """A registry as a gateway follows it, and its sweeper."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.index, self.time = registry, Index(), Time()
        self.watcher = Watcher(registry, self.index)
        self.catalogue = Catalogue(SchemaStore(registry), self.watcher)
        self.sweeper = Sweeper(self.catalogue, self.index, clock=self.time)

    async def settle(self) -> None:
        """Wait until all changes made so far are known."""
        await asyncio.sleep(0.3)
        await until(lambda: self.catalogue.complete)

    async def after(self, seconds: float) -> int:
        self.time.now += seconds
        return await self.sweeper.sweep()


@asynccontextmanager
async def swept(registry: Registry) -> AsyncGenerator[Swept]:
    made = Swept(registry)
    tasks = [asyncio.ensure_future(run) for run in (made.watcher.run(), made.catalogue.run())]
    try:
        await until(made.watcher.ready.is_set)
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await registry.aclose()


def numbered(number: int, size: int = 0) -> Manifest:
    return msgspec.structs.replace(SUMMARISER, card={"name": "summariser", "number": number, "filler": "x" * size})


@pytest.fixture(params=["memory", "file"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return MemoryRegistry() if request.param == "memory" else FileRegistry(tmp_path / "registry.db")


async def test_replaced_manifests_go_after_an_hour_and_the_one_in_use_stays(registry: Registry) -> None:
    async with swept(registry) as mesh:
        for number in range(5):
            await registry.register(agent(lasting=True, manifest=numbered(number)), numbered(number))
        await mesh.settle()
        orphan = await registry.put_blob(b"left behind")
        assert await mesh.after(0.0) == 0
        assert await mesh.after(HOUR - 1.0) == 0
        assert await mesh.after(1.0) == 5  # four manifests and the blob
        assert await registry.documents() == {numbered(4).digest()}
        assert orphan not in await registry.documents()
        assert await mesh.after(HOUR) == 0


async def test_what_is_stored_again_meanwhile_is_not_deleted_though_nothing_names_it_yet(registry: Registry) -> None:
    async with swept(registry) as mesh:
        digest = await registry.put_blob(b"data")
        await mesh.after(0.0)
        mesh.time.now += HOUR
        await registry.put_blob(b"data")
        await mesh.sweeper.sweep()
        assert digest in await registry.documents()
        assert await mesh.after(HOUR) == 1


async def test_what_is_named_again_starts_its_hour_anew(registry: Registry) -> None:
    async with swept(registry) as mesh:
        await registry.register(agent(lasting=True, manifest=numbered(1)), numbered(1))
        await registry.register(agent(lasting=True, manifest=numbered(2)), numbered(2))
        await mesh.settle()
        await mesh.after(0.0)
        await registry.register(agent(lasting=True, manifest=numbered(1)))
        await mesh.settle()
        await mesh.after(HOUR)
        await registry.register(agent(lasting=True, manifest=numbered(2)))
        await mesh.settle()
        await mesh.after(0.0)
        assert numbered(1).digest() in await registry.documents()
        await mesh.after(HOUR - 1.0)
        assert numbered(1).digest() in await registry.documents()
        await mesh.after(1.0)
        assert await registry.documents() == {numbered(2).digest()}


async def test_contracts_keep_their_document_and_the_schemas_of_all_their_releases(registry: Registry) -> None:
    async with swept(registry) as mesh:
        gate = SchemaGate(mesh.catalogue.store)
        for version, text in (("1.0.0", FIRST), ("1.1.0", GROWN)):
            await gate.admit(manifest_of(contract(version, text)), (compiled(text),))
        manifest = manifest_of(contract("1.1.0", GROWN))
        await registry.register(msgspec.structs.replace(instance_of(manifest), lasting=True), manifest)
        await mesh.settle()
        await mesh.after(0.0)
        assert await mesh.after(HOUR) == 1  # the document of 1.0.0 alone
        known = mesh.catalogue.subject("planner/plan")
        assert known is not None
        assert await registry.documents() == {known.digest, manifest.digest(), *mesh.catalogue.used()}


async def test_nothing_is_swept_while_the_registry_is_away_or_a_row_cannot_be_read() -> None:
    registry = MemoryRegistry()
    async with swept(registry) as mesh:
        await registry.put_blob(b"data")
        await mesh.after(0.0)
        registry.cut()
        await until(lambda: mesh.watcher.stale)
        assert await mesh.after(HOUR) == 0
        registry.restore()
        await until(lambda: mesh.catalogue.complete)
        assert await mesh.after(0.0) == 0
        assert await mesh.after(HOUR) == 1


async def test_a_registry_that_fails_in_the_middle_is_tried_again_later() -> None:
    registry, pauses = MemoryRegistry(), list[float]()
    async with swept(registry) as mesh:
        fails = 2

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            mesh.time.now += seconds
            if len(pauses) > 12:
                raise asyncio.CancelledError

        async def documents() -> frozenset[str]:
            nonlocal fails
            fails -= 1
            if fails >= 0:
                raise RegistryUnavailable
            return await MemoryRegistry.documents(registry)

        registry.documents = documents  # type: ignore[method-assign]
        await registry.put_blob(b"data")
        sweeper = Sweeper(mesh.catalogue, mesh.index, clock=mesh.time, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await sweeper.run()
        assert pauses == [DEFAULTS.orphan_look] * 13
        assert await registry.documents() == frozenset()


async def test_the_file_becomes_small_again(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    registry = FileRegistry(path)
    async with swept(registry) as mesh:
        for number in range(20):
            manifest = numbered(number, 400_000)
            await registry.register(agent(lasting=True, manifest=manifest), manifest)
        await mesh.settle()
        await mesh.after(0.0)
        assert path.stat().st_size > 8e6
        assert await mesh.after(HOUR) == 19
        assert path.stat().st_size + path.with_name("registry.db-wal").stat().st_size < 2e6
        assert (await registry.manifest(numbered(19, 400_000).digest())).card["number"] == 19


@pytest.mark.requirement("trust.held")
async def test_a_card_that_is_held_stays_as_long_as_it_is(registry: Registry) -> None:
    async with swept(registry) as mesh:
        blob = await registry.put_blob(b"a card")
        held = HeldCard(Provenance("unsigned", "h", 5.0), blob, 5.0, ("the name changed",), ())
        manifest = msgspec.structs.replace(SUMMARISER, held=held)
        await registry.register(agent(lasting=True, manifest=manifest), manifest)
        await mesh.settle()
        assert [await mesh.after(seconds) for seconds in (0.0, HOUR, HOUR)] == [0, 0, 0]
        assert await registry.get_blob(blob) == b"a card"
        await registry.register(agent(lasting=True), SUMMARISER)
        await mesh.settle()
        assert [await mesh.after(seconds) for seconds in (0.0, HOUR)] == [0, 2]
