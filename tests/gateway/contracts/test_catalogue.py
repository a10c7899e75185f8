"""The catalogue of contracts: what a gateway knows on the path of a call, also while its registry is away."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.schemas import Stage, Subject, load_image, promote
from meshgate.registry.watcher import Watcher
from tests.gateway.contracts.schemas import FIRST, GROWN, contract, manifest_of
from tests.registry.schemas.build import compiled
from tests.registry.virtual import until


@asynccontextmanager
async def following(
    registry: Registry,
    home: Path | None = None,
    limits: Limits = DEFAULTS,
    store: type[SchemaStore] = SchemaStore,
) -> AsyncGenerator[Catalogue, None]:
    """A catalogue as a gateway runs it."""
    snapshot, folder = (home / "snapshot.bin", home / "schemas") if home is not None else (None, None)
    watcher = Watcher(registry, Index(), snapshot)
    catalogue = Catalogue(store(registry, folder, limits), watcher)
    tasks = [asyncio.ensure_future(run) for run in (watcher.run(), catalogue.run())]
    try:
        await until(watcher.ready.is_set)
        yield catalogue
        if snapshot is not None and not watcher.stale:
            await until(lambda: watcher.saved and not catalogue.behind)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def release(registry: Registry, version: str = "1.0.0", text: str = FIRST, skill: str = "plan") -> None:
    await SchemaGate(SchemaStore(registry)).admit(manifest_of(contract(version, text, skill)), (compiled(text),))


def versions(catalogue: Catalogue, name: str = "planner/plan") -> list[str]:
    known = catalogue.subject(name)
    return [] if known is None else list(known.releases)


@pytest.mark.requirement("schema.catalogue")
async def test_what_is_registered_is_known_with_its_releases_and_types() -> None:
    registry = MemoryRegistry()
    await release(registry)
    async with following(registry) as catalogue:
        await until(lambda: versions(catalogue) == ["1.0.0"])
        await release(registry, "1.1.0", GROWN)
        await release(registry, skill="other")
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"] and len(catalogue) == 2)

        known = catalogue.subject("planner/plan")
        assert known is not None
        assert known.by_type["p.A"].version == "1.1.0"
        assert catalogue.subject("planner/none") is None
        assert [name for name, _ in catalogue] == ["planner/other", "planner/plan"]


class Crossed(SchemaStore):
    """A store in which a release registers after a sweep was told what is needed, and before it deletes the rest."""

    swept = 0

    async def sweep(self, used: Iterable[str]) -> None:
        self.swept += 1
        if self.swept == 1:
            await SchemaGate(self).admit(manifest_of(contract("1.1.0", GROWN)), (compiled(GROWN),))
        await super().sweep(used)


@pytest.mark.requirement("schema.offline")
async def test_a_release_that_registers_during_a_sweep_is_on_disk_once_all_is_settled(tmp_path: Path) -> None:
    async with following(MemoryRegistry(), tmp_path, store=Crossed) as catalogue:
        await SchemaGate(catalogue.store).admit(manifest_of(contract()), (compiled(FIRST),))
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"] and catalogue.settled)
        known = catalogue.subject("planner/plan")
        assert known is not None
        assert (tmp_path / "schemas" / known.digest).exists()


async def test_a_change_is_told_by_name() -> None:
    registry = MemoryRegistry()
    async with following(registry) as catalogue:
        told: list[str] = []
        catalogue.on_change.append(told.append)
        await release(registry)
        await until(lambda: told == ["planner/plan"])


async def test_a_retired_release_is_no_types_newest() -> None:
    registry = MemoryRegistry()
    await release(registry)
    await release(registry, "1.1.0", GROWN)

    async def retire(subject: Subject) -> Subject:
        deprecated = promote(subject, "1.1.0", Stage.DEPRECATED, now=1.0)
        return promote(deprecated, "1.1.0", Stage.RETIRED, now=1.0)

    await SchemaStore(registry).change("planner/plan", retire)
    async with following(registry) as catalogue:
        await until(lambda: len(catalogue))
        known = catalogue.subject("planner/plan")
        assert known is not None
        assert known.by_type["p.A"].version == "1.0.0"


async def test_an_image_is_loaded_when_it_is_first_asked_for_and_then_at_hand() -> None:
    registry = MemoryRegistry()
    await release(registry)
    digest = load_image(compiled(FIRST)).digest
    async with following(registry) as catalogue:
        await until(lambda: len(catalogue))
        assert catalogue.store.loaded(digest) is None
        assert (await catalogue.load(digest)).message("p.A").full_name == "p.A"
        assert catalogue.store.loaded(digest) is not None
        with pytest.raises(RegistryUnavailable):
            await catalogue.load("0" * 32)


@pytest.mark.requirement("schema.offline")
async def test_a_gateway_that_starts_while_its_registry_is_away_knows_every_contract(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    await release(registry)
    await release(registry, "1.1.0", GROWN)
    folder = tmp_path / "schemas"
    async with following(registry, tmp_path) as catalogue:
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"] and len(list(folder.iterdir())) == 3)

    registry.cut()
    async with following(registry, tmp_path) as catalogue:
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"])
        for text in (FIRST, GROWN):
            assert (await catalogue.load(load_image(compiled(text)).digest)).message("p.A").full_name == "p.A"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.requirement("schema.offline")
async def test_a_file_that_is_not_what_its_name_says_is_not_used(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    await release(registry)
    digest, folder = load_image(compiled(FIRST)).digest, tmp_path / "schemas"
    async with following(registry, tmp_path):
        await until((folder / digest).exists)
    (folder / digest).write_bytes(load_image(compiled(GROWN)).data)

    async with following(registry, tmp_path) as catalogue:
        assert (await catalogue.load(digest)).data == load_image(compiled(FIRST)).data
    (folder / digest).write_bytes(b"other")
    registry.cut()
    async with following(registry, tmp_path) as catalogue:
        with pytest.raises(RegistryUnavailable):
            await catalogue.load(digest)


@pytest.mark.requirement("schema.believed")
async def test_a_blob_that_is_no_image_is_not_taken_whoever_stored_it() -> None:
    registry = MemoryRegistry()
    sloppy = compiled("message A { string city = 1; } message B {}", imports=True)
    for data in (b"\xff\xff", sloppy + sloppy):
        digest = await registry.put_blob(data)
        async with following(registry) as catalogue:
            with pytest.raises(RegistryUnavailable):
                await catalogue.load(digest)


async def test_what_comes_while_the_registry_is_away_is_fetched_when_it_is_back() -> None:
    registry = MemoryRegistry()
    await release(registry)
    async with following(registry) as catalogue:
        await until(lambda: len(catalogue))
        registry.cut()
        await until(lambda: versions(catalogue) == ["1.0.0"])
        registry.restore()
        await release(registry, "1.1.0", GROWN)
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"])


@pytest.mark.requirement("schema.wiped")
async def test_a_contract_that_the_registry_lost_is_put_back_with_its_history(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    await release(registry)
    await release(registry, "1.1.0", GROWN)
    async with following(registry, tmp_path) as catalogue:
        await until(lambda: versions(catalogue) == ["1.0.0", "1.1.0"])
        await until(lambda: len(list((tmp_path / "schemas").iterdir())) == 3)
        kept = await registry.subject("planner/plan")
        registry.wipe()
        assert versions(catalogue) == ["1.0.0", "1.1.0"]
        async with following(registry) as other:
            await until(lambda: versions(other) == ["1.0.0", "1.1.0"])
        assert await registry.subject("planner/plan") == kept
        assert (await SchemaStore(registry).image(load_image(compiled(FIRST)).digest)).message("p.A").full_name == "p.A"


@pytest.mark.requirement("schema.wiped")
async def test_an_agent_that_comes_back_first_continues_the_history(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    await release(registry)
    async with following(registry, tmp_path) as catalogue:
        await until(lambda: versions(catalogue) == ["1.0.0"])
        await until(lambda: len(list((tmp_path / "schemas").iterdir())) == 2)
        registry.wipe()
        gate = SchemaGate(catalogue.store, catalogue.restore)
        await gate.admit(manifest_of(contract("1.1.0", GROWN)), (compiled(GROWN),))
        _, subject = await SchemaStore(registry).read("planner/plan")
        assert [one.version for one in subject.releases] == ["1.0.0", "1.1.0"]


async def test_what_only_an_old_snapshot_knows_is_dropped_when_the_registry_answers(tmp_path: Path) -> None:
    before = MemoryRegistry()
    await release(before)
    async with following(before, tmp_path) as catalogue:
        await until(lambda: len(catalogue))

    async with following(MemoryRegistry(), tmp_path) as catalogue:
        await until(lambda: catalogue.subject("planner/plan") is None and not catalogue.behind)


async def test_loaded_images_take_bounded_memory() -> None:
    registry = MemoryRegistry()
    narrow = msgspec.structs.replace(DEFAULTS, schema_memory=4 * 16 * 1024)
    digests: list[str] = []
    for number in range(12):
        image = load_image(compiled(f"message A {{ string f{number} = 1; }}"))
        digests.append(await registry.put_blob(image.data))
    async with following(registry, limits=narrow) as catalogue:
        for digest in digests:
            await catalogue.load(digest)
        there = [digest for digest in digests if catalogue.store.loaded(digest) is not None]
        assert 1 < len(there) < 12
        assert there == digests[-len(there) :]


async def test_the_folder_is_swept_of_what_nobody_needs_and_is_bounded(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    store = SchemaStore(registry, tmp_path, msgspec.structs.replace(DEFAULTS, schema_disk=2500))
    digests = [await store.put(bytes([number]) * 1000) for number in range(4)]
    (tmp_path / ".being-written").write_bytes(b"")
    await store.sweep(digests[:3])
    left = set(await asyncio.to_thread(os.listdir, tmp_path))
    assert digests[3] not in left
    assert len(left) == 2 + 1
    assert ".being-written" in left


async def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SchemaStore(MemoryRegistry(), tmp_path / "file" / "schemas")
    assert await store.blob(await store.put(b"data")) == b"data"
    await store.sweep([])


async def test_changes_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path / "registry.db")
    store = SchemaStore(registry)

    async def add(number: int) -> None:
        async def step(subject: Subject) -> Subject:
            one = msgspec.structs.replace(subject.releases[0], version=f"1.{number}.0")
            return msgspec.structs.replace(subject, releases=(*subject.releases, one))

        await store.change("planner/plan", step)

    await release(registry)
    await asyncio.gather(*(add(number) for number in range(1, 9)))
    _, subject = await store.read("planner/plan")
    assert {one.version for one in subject.releases} == {f"1.{number}.0" for number in range(9)}
    await registry.aclose()


@pytest.mark.requirement("schema.believed")
async def test_a_pointer_to_another_subjects_document_is_not_believed() -> None:
    registry = MemoryRegistry()
    await release(registry)
    await registry.put_subject("planner/other", await registry.subject("planner/plan"), "")
    await registry.put_subject("planner/lost", "0" * 32, "")
    for name in ("planner/other", "planner/lost"):
        with pytest.raises(RegistryUnavailable):
            await SchemaStore(registry).read(name)
    async with following(registry) as catalogue:
        await until(lambda: len(catalogue))
        assert catalogue.subject("planner/other") is None


async def test_a_document_that_outgrew_a_blob_is_refused() -> None:
    huge = Subject("planner", "plan")
    store = SchemaStore(MemoryRegistry())

    async def step(_: Subject) -> Subject:
        return msgspec.structs.replace(huge, agent="planner" * 100_000)

    with pytest.raises(InvalidParams):
        await store.change("planner/plan", step)
