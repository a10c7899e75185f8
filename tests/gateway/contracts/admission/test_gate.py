"""The gate for contracts at the join port: what is admitted, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.join import wire
from meshgate.registry.join.errors import decode_error
from meshgate.registry.limits import blob_digest
from meshgate.registry.model import Capability, Manifest, SchemaRef
from meshgate.registry.schemas import (
    BadSchema,
    Incompatible,
    Stage,
    Subject,
    SubjectSettings,
    VersionRetired,
    VersionTaken,
    load_image,
    promote,
)
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN, contract, instance_of, manifest_of, reference
from tests.gateway.control.test_join import port
from tests.registry.schemas.build import compiled
from tests.registry.virtual import settle
from tests.support.virtual_loop import virtual_time


class Counting(MemoryRegistry):
    """A registry that counts what is written to it, and may let others go first."""

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, bytes] = {}
        self.writes = 0
        self.meanwhile: list[Any] = []

    async def put_blob(self, data: bytes) -> str:
        self.writes += 1
        self.blobs[blob_digest(data)] = data
        return await super().put_blob(data)

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        self.writes += 1
        return await super().put_subject(name, digest, expected)


def gate(registry: Any) -> SchemaGate:
    return SchemaGate(SchemaStore(registry), wall=lambda: 1_800_000_000.0)


async def register(registry: Any, *skills: Capability, texts: tuple[str, ...] = (), agent: str = "planner") -> Any:
    """Send the skills with the images of these texts."""
    images = tuple(compiled(text) for text in texts)
    return await gate(registry).admit(manifest_of(*skills, agent=agent), images)


async def stored(registry: Any, name: str = "planner/plan") -> Subject:
    return (await SchemaStore(registry).read(name))[1]


async def test_a_first_release_is_stored_with_its_image() -> None:
    registry = Counting()
    admission = await register(registry, contract(), texts=(FIRST,))

    assert admission.notices == ()
    (release,) = (await stored(registry)).releases
    assert (release.version, release.owner, release.registered) == ("1.0.0", "team-plan", 1_800_000_000.0)
    assert release.input is not None
    assert await registry.get_blob(release.input.hash) == load_image(compiled(FIRST)).data


async def test_releases_that_keep_the_contract_stand_side_by_side() -> None:
    registry = Counting()
    await register(registry, contract("1.1.0", GROWN), texts=(GROWN,))
    await register(registry, contract("1.0.0", FIRST), texts=(FIRST,))
    await register(registry, contract("2.0.0", BROKEN), texts=(BROKEN,))

    assert [one.version for one in (await stored(registry)).releases] == ["1.0.0", "1.1.0", "2.0.0"]


@pytest.mark.requirement("schema.gate")
async def test_a_release_that_breaks_the_contract_is_refused_with_every_reason() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    with pytest.raises(Incompatible) as refused:
        await register(registry, contract("1.1.0", BROKEN), texts=(BROKEN,))

    places = {path for path, _ in refused.value.violations}
    assert places == {"p.A.days", "p.B.text"}
    assert all(problem.endswith("]") and ": " in problem for _, problem in refused.value.violations)


@pytest.mark.requirement("schema.nothing_stored")
async def test_a_refusal_of_one_skill_stores_nothing_of_any() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    before = registry.writes
    fresh = contract("1.0.0", GROWN, skill="aaa")
    with pytest.raises(Incompatible):
        await register(registry, fresh, contract("1.1.0", BROKEN), texts=(GROWN, BROKEN))

    assert registry.writes == before
    assert await registry.subject("planner/aaa") == ""


async def test_the_refusals_of_all_skills_come_as_one() -> None:
    registry = Counting()
    one, two = contract(skill="one"), contract(skill="two")
    await register(registry, one, two, texts=(FIRST,))
    with pytest.raises(Incompatible) as refused:
        await register(
            registry, contract("1.1.0", BROKEN, "one"), contract("1.0.0", GROWN, "two"), texts=(BROKEN, GROWN)
        )

    assert "planner/two" in refused.value.message
    assert {path for path, _ in refused.value.violations} >= {"p.A.days", "p.B.text"}


@pytest.mark.requirement("schema.cheap")
async def test_the_same_release_again_writes_nothing_and_needs_no_image() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    before = registry.writes
    await register(registry, contract(), texts=(FIRST,))
    await register(registry, contract())

    assert registry.writes == before


async def test_a_version_with_other_content_is_taken() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    with pytest.raises(VersionTaken):
        await register(registry, contract("1.0.0", GROWN), texts=(GROWN,))


async def test_a_retired_release_is_refused_and_a_deprecated_one_is_told() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    store = SchemaStore(registry)

    async def deprecate(subject: Subject) -> Subject:
        return promote(subject, "1.0.0", Stage.DEPRECATED, now=1.0, notice="use 2", sunset="2027-01-31")

    async def retire(subject: Subject) -> Subject:
        return promote(subject, "1.0.0", Stage.RETIRED, now=2.0)

    await store.change("planner/plan", deprecate)
    (notice,) = (await register(registry, contract(), texts=(FIRST,))).notices
    assert "2027-01-31" in notice
    assert "use 2" in notice
    await store.change("planner/plan", retire)
    with pytest.raises(VersionRetired):
        await register(registry, contract(), texts=(FIRST,))


async def test_what_an_operator_set_decides() -> None:
    registry = Counting()

    async def lenient(subject: Subject) -> Subject:
        return msgspec.structs.replace(
            subject, settings=msgspec.convert({"input": "NONE", "output": "NONE"}, SubjectSettings)
        )

    await SchemaStore(registry).change("planner/plan", lenient)
    await register(registry, contract(), texts=(FIRST,))
    await register(registry, contract("1.1.0", BROKEN), texts=(BROKEN,))
    assert len((await stored(registry)).releases) == 2


async def test_a_contract_of_one_agent_is_not_another_agents() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    await register(registry, contract("1.0.0", BROKEN), texts=(BROKEN,), agent="other")
    assert len((await stored(registry)).releases) == 1


async def test_an_image_may_be_named_by_the_bytes_that_were_sent() -> None:
    data = FileDescriptorSet.FromString(compiled(FIRST))
    data.file[0].source_code_info.location.add(path=[4, 0], span=[1, 2, 3])
    raw = data.SerializeToString()
    skill = Capability("plan", "1.0.0", input=SchemaRef("p.A", blob_digest(raw)))
    admission = await gate(Counting()).admit(manifest_of(skill), (raw,))

    (told,) = admission.manifest.skills
    assert told.input is not None
    assert told.input == SchemaRef("p.A", load_image(raw).digest)
    assert told.input.hash != blob_digest(raw)


@pytest.mark.parametrize(
    ("skill", "images", "error"),
    [
        (contract(), (), BadSchema),
        (contract(), (b"\xff",), BadSchema),
        (Capability("plan", "1.0.0", input=SchemaRef("p.Nobody", reference(FIRST, "A").hash)), (FIRST,), BadSchema),
        (Capability("plan", "1.0.0"), (FIRST,), InvalidParams),
        (contract(), (FIRST, GROWN), InvalidParams),
        (msgspec.structs.replace(contract(), owner="x" * 2000), (FIRST,), InvalidParams),
    ],
)
async def test_what_is_not_whole_is_refused_and_leaves_nothing(
    skill: Capability, images: tuple[Any, ...], error: type[MeshError]
) -> None:
    registry = Counting()
    sent = tuple(each if isinstance(each, bytes) else compiled(each) for each in images)
    with pytest.raises(error):
        await gate(registry).admit(manifest_of(skill), sent)
    assert registry.writes == 0


async def test_more_images_than_a_registration_may_bring_are_refused() -> None:
    narrow = msgspec.structs.replace(DEFAULTS, schema_images=1)
    with pytest.raises(InvalidParams):
        await SchemaGate(SchemaStore(Counting()), limits=narrow).admit(
            manifest_of(contract()), (compiled(FIRST), compiled(GROWN))
        )


async def test_a_schema_that_is_only_a_name_is_no_contract() -> None:
    registry = Counting()
    skill = Capability("plan", "1.0.0", input=SchemaRef("Question"))
    assert (await gate(registry).admit(manifest_of(skill))).manifest == manifest_of(skill)
    assert registry.writes == 0


async def test_two_versions_of_a_skill_in_one_registration_are_judged_together() -> None:
    registry = Counting()
    await register(registry, contract("1.1.0", GROWN), contract("1.0.0", FIRST), texts=(FIRST, GROWN))
    assert [one.version for one in (await stored(registry)).releases] == ["1.0.0", "1.1.0"]
    with pytest.raises(Incompatible):
        await register(Counting(), contract("1.1.0", BROKEN), contract("1.0.0", FIRST), texts=(FIRST, BROKEN))


@pytest.mark.requirement("schema.race")
async def test_two_instances_of_a_new_release_that_register_at_once_are_both_in() -> None:
    registry = Counting()
    await asyncio.gather(*(register(registry, contract(), texts=(FIRST,)) for _ in range(8)))
    assert len((await stored(registry)).releases) == 1


@pytest.mark.requirement("schema.race")
async def test_releases_that_come_at_once_are_all_kept(tmp_path: Path) -> None:
    registries = [FileRegistry(tmp_path / "registry.db") for _ in range(3)]
    versions = [f"1.{number}.0" for number in range(12)]
    await asyncio.gather(
        *(
            register(registries[number % 3], contract(version), texts=(FIRST,))
            for number, version in enumerate(versions)
        )
    )
    assert {one.version for one in (await stored(registries[0])).releases} == set(versions)
    for registry in registries:
        await registry.aclose()


@pytest.mark.requirement("schema.race")
async def test_a_release_that_is_overtaken_by_one_it_breaks_is_refused() -> None:
    registry = Counting()

    async def overtake() -> None:
        await register(registry, contract("1.0.0", FIRST), texts=(FIRST,))

    registry.meanwhile.append(overtake)
    with pytest.raises(Incompatible):
        await register(registry, contract("1.1.0", BROKEN), texts=(BROKEN,))
    assert [one.version for one in (await stored(registry)).releases] == ["1.0.0"]


async def test_of_two_registrations_of_the_same_skills_the_loser_leaves_nothing() -> None:
    registry = Counting()

    async def overtake() -> None:
        await register(registry, contract(skill="one"), contract(skill="two"), texts=(FIRST,))

    registry.meanwhile.append(overtake)
    with pytest.raises(Incompatible):
        await register(registry, contract("1.1.0", BROKEN, "one"), contract("1.1.0", BROKEN, "two"), texts=(BROKEN,))
    for name in ("planner/one", "planner/two"):
        assert [one.version for one in (await stored(registry, name)).releases] == ["1.0.0"]


async def test_a_registry_that_is_away_is_no_refusal() -> None:
    registry = Counting()
    registry.cut()
    with pytest.raises(RegistryUnavailable):
        await register(registry, contract(), texts=(FIRST,))


# --- over the join port


async def send(join: Any, manifest: Manifest, *texts: str, name: str = "", **changes: Any) -> Any:
    who = msgspec.structs.replace(instance_of(manifest, name), **changes)
    body = wire.encode_register(who, manifest, images=[compiled(text) for text in texts])
    return await join.post("Register", body, join.key())


@pytest.mark.requirement("schema.gate")
@virtual_time
async def test_the_join_port_lists_who_keeps_the_contract_and_refuses_who_breaks_it() -> None:
    async with port() as join:
        assert (await send(join, manifest_of(contract()), FIRST, name="planner-one")).status == 200
        refused = await send(join, manifest_of(contract("1.1.0", BROKEN)), BROKEN, name="planner-two")

        error = decode_error(refused.status, refused.body)
        assert (refused.status, type(error)) == (400, Incompatible)
        assert {path for path, _ in error.violations} == {"p.A.days", "p.B.text"}
        assert set(join.table.entries) == {"planner-one"}


@pytest.mark.requirement("tenants.contracts")
@virtual_time
async def test_another_tenants_agent_of_the_same_name_has_a_contract_of_its_own() -> None:
    async with port() as join:
        assert (await send(join, manifest_of(contract()), FIRST, name="planner-one")).status == 200
        breaking = manifest_of(contract("1.1.0", BROKEN))
        who, images = instance_of(breaking, "planner-one"), [compiled(BROKEN)]
        theirs = join.key(tenant="acme")
        body = wire.encode_register(who, breaking, images=images)
        assert (await join.post("Register", body, theirs)).status == 200
        answer = await join.post("Register", body, theirs)
        assert answer.status == 200
        renewed = wire.encode_renew(wire.decode_register_response(answer.body).lease.instance)
        assert (await join.post("Renew", renewed, theirs)).status == 200
        assert set(join.table.subjects) == {"planner/plan", "acme:planner/plan"}
        store = SchemaStore(join.registry)
        for name, version in (("planner/plan", "1.0.0"), ("acme:planner/plan", "1.1.0")):
            _, subject = await store.read(name)
            assert [one.version for one in subject.releases] == [version]


@virtual_time
async def test_the_author_of_a_deprecated_release_is_told_and_of_a_retired_one_may_still_leave() -> None:
    async with port() as join:
        manifest = manifest_of(contract())
        await send(join, manifest, FIRST)
        store = SchemaStore(join.registry)
        for stage in (Stage.DEPRECATED, Stage.RETIRED):

            async def step(subject: Subject, stage: Stage = stage) -> Subject:
                return promote(subject, "1.0.0", stage, now=1.0)

            await store.change("planner/plan", step)
            answer = await send(join, manifest, FIRST)
            if stage is Stage.DEPRECATED:
                assert len(wire.decode_register_response(answer.body).notices) == 1
        assert type(decode_error(answer.status, answer.body)) is VersionRetired
        assert (await send(join, manifest, FIRST, draining=True)).status == 200
        await settle()
        assert join.table.entries["planner-1"].instance.draining
