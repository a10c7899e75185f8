"""Releases that are proposed before any agent runs them: at the gate, over the admin API, and what traffic sees."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.cards import CONTRACTS_URI
from meshgate.a2a.errors import InvalidParams, NoRoute, SchemaRetired
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.proposal import propose
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.join.errors import decode_error
from meshgate.registry.model import Capability, Migration, SchemaRef
from meshgate.registry.schemas import (
    Incompatible,
    Release,
    Stage,
    StageRefused,
    Subject,
    SubjectSettings,
    VersionTaken,
    load_image,
    promote,
)
from meshgate.testing import LocalMesh
from tests.gateway.contracts.admission.test_gate import Counting, gate, register, send, stored
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN, contract, manifest_of, reference
from tests.gateway.control.test_join import port
from tests.gateway.control_plane import ControlPlane, control_plane, proposal
from tests.gateway.policies.test_schema import ANSWERS, Weather, ask, change, heard, meshed, said, skill
from tests.registry.schemas.build import compiled
from tests.support.virtual_loop import virtual_time

PLAN = "/planner/plan"
EVERYONE = Principal("client", "u", agents=("*",), skills=("*",))


async def stage(registry: Any, version: str, new: Stage) -> None:
    async def step(subject: Subject) -> Subject:
        return promote(subject, version, new, now=1.0)

    await SchemaStore(registry).change("planner/plan", step)


async def propose_it(registry: Any, version: str = "1.0.0", text: str = FIRST) -> Release:
    return await propose(gate(registry), "planner", contract(version, text), (compiled(text),), 1_700_000_000.0)


@pytest.mark.requirement("schema.proposed")
async def test_a_proposal_is_stored_with_its_image_and_nobody_joins_with_it_until_it_is_active() -> None:
    registry = Counting()
    proposed = await propose_it(registry)
    assert (proposed.stage, proposed.owner, proposed.registered) == (Stage.PROPOSED, "team-plan", 1_700_000_000.0)
    assert (await stored(registry)).releases == (proposed,)
    assert proposed.input is not None
    assert await registry.get_blob(proposed.input.hash) == load_image(compiled(FIRST)).data

    before = registry.writes
    with pytest.raises(StageRefused):
        await register(registry, contract(), texts=(FIRST,))
    assert await propose_it(registry) == proposed
    assert registry.writes == before
    await stage(registry, "1.0.0", Stage.ACTIVE)
    assert (await register(registry, contract(), texts=(FIRST,))).notices == ()
    assert (await propose_it(registry)).stage is Stage.ACTIVE


@pytest.mark.requirement("schema.proposed")
async def test_a_proposal_is_refused_as_its_registration_would_be_and_counts_for_those_to_come() -> None:
    registry = Counting()
    await propose_it(registry)
    before = registry.writes
    with pytest.raises(Incompatible) as refused:
        await propose_it(registry, "1.1.0", BROKEN)
    assert {path for path, _ in refused.value.violations} == {"p.A.days", "p.B.text"}
    with pytest.raises(VersionTaken):
        await propose_it(registry, "1.0.0", GROWN)
    with pytest.raises(Incompatible):
        await register(registry, contract("1.1.0", BROKEN), texts=(BROKEN,))
    with pytest.raises(InvalidParams):
        await propose(gate(registry), "planner", Capability("plan", "1.0.0"), (), 1.0)
    assert registry.writes == before
    await register(registry, contract("1.1.0", GROWN), texts=(GROWN,))
    assert [one.stage for one in (await stored(registry)).releases] == [Stage.PROPOSED, Stage.ACTIVE]


@pytest.mark.requirement("schema.race")
async def test_a_proposal_that_is_overtaken_by_a_release_that_it_breaks_is_refused() -> None:
    registry = Counting()

    async def overtake() -> None:
        await register(registry, contract("1.0.0", FIRST), texts=(FIRST,))

    registry.meanwhile.append(overtake)
    with pytest.raises(Incompatible):
        await propose_it(registry, "1.1.0", BROKEN)
    assert [one.version for one in (await stored(registry)).releases] == ["1.0.0"]


async def test_while_the_registry_is_away_a_proposal_is_judged_and_not_stored() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))
    known = await stored(registry)
    store = SchemaStore(registry)
    await store.image(reference(FIRST, "A").hash)
    away = SchemaGate(store, last=lambda name: known)
    registry.cut()
    for text, error in ((BROKEN, Incompatible), (GROWN, RegistryUnavailable)):
        with pytest.raises(error):
            await propose(away, "planner", contract("1.1.0", text), (compiled(text),), 1.0)


@pytest.mark.requirement("schema.review")
async def test_where_releases_are_reviewed_an_agent_joins_with_what_was_promoted_alone() -> None:
    registry = Counting()
    await register(registry, contract(), texts=(FIRST,))

    async def review(subject: Subject) -> Subject:
        return msgspec.structs.replace(subject, settings=SubjectSettings(review=True))

    await SchemaStore(registry).change("planner/plan", review)
    before = registry.writes
    grown = contract("1.1.0", GROWN)
    with pytest.raises(StageRefused):
        await register(registry, grown, texts=(GROWN,))
    assert registry.writes == before
    await register(registry, contract(), texts=(FIRST,))
    await propose_it(registry, "1.1.0", GROWN)
    with pytest.raises(StageRefused):
        await register(registry, grown, texts=(GROWN,))
    await stage(registry, "1.1.0", Stage.ACTIVE)
    await register(registry, grown, texts=(GROWN,))


@pytest.mark.requirement("schema.proposed")
@virtual_time
async def test_the_join_port_tells_who_brings_a_proposed_release_what_it_waits_for() -> None:
    async with port() as join:
        await propose_it(join.registry)
        refused = await send(join, manifest_of(contract()), FIRST)
        error = decode_error(refused.status, refused.body)
        assert (refused.status, type(error)) == (400, StageRefused)
        assert "meshgate schema promote planner/plan 1.0.0 active" in error.message
        assert not join.table.entries
        await stage(join.registry, "1.0.0", Stage.ACTIVE)
        assert (await send(join, manifest_of(contract()), FIRST)).status == 200


# --- over the admin API


async def stages(at: ControlPlane) -> dict[str, str]:
    """The stages of all releases, by version."""
    return {one["version"]: one["stage"] for one in (await at.ask("GET", PLAN)).json["releases"]}


@pytest.mark.requirement("schema.proposed")
async def test_an_operator_proposes_a_release_promotes_it_and_then_its_agent_joins() -> None:
    async with control_plane(MemoryRegistry()) as at:
        assert (await at.register("1.0.0", FIRST)).status == 200
        wanted = proposal("1.1.0", GROWN, owner="team-plan", steward="team-review")
        made = await at.ask("POST", f"{PLAN}/propose", wanted)
        assert made.status == 200
        assert {"version": "1.1.0", "stage": "proposed", "owner": "team-plan", "steward": "team-review"}.items() <= (
            made.json.items()
        )
        assert made.json["registered"] > 0
        assert await stages(at) == {"1.0.0": "active", "1.1.0": "proposed"}
        await at.known("planner/plan", "1.0.0", "1.1.0")
        (listed,) = (await at.ask("GET", "")).json["subjects"]
        assert (listed["latest"], listed["stages"]) == ("1.0.0", {"active": 1, "proposed": 1})
        image = await at.ask("GET", f"{PLAN}/releases/1.1.0/input")
        assert image.body == load_image(compiled(GROWN)).data

        refused = await at.register("1.1.0", GROWN)
        assert refused.status == 400
        assert "team-review" in refused.json["message"]
        assert (await at.ask("POST", f"{PLAN}/propose", wanted)).json == made.json
        assert (await at.ask("POST", f"{PLAN}/promote", {"version": "1.1.0", "stage": "active"})).status == 200
        assert (await at.register("1.1.0", GROWN)).status == 200
        assert (await at.ask("POST", f"{PLAN}/propose", wanted)).json == {**made.json, "stage": "active"}


@pytest.mark.requirement("schema.proposed")
async def test_a_skill_may_begin_with_a_proposal_and_one_that_is_not_wanted_is_withdrawn() -> None:
    async with control_plane(MemoryRegistry()) as at:
        assert (await at.ask("POST", f"{PLAN}/propose", proposal("1.0.0", FIRST))).json["stage"] == "proposed"
        withdrawn = await at.ask("POST", f"{PLAN}/promote", {"version": "1.0.0", "stage": "retired"})
        assert withdrawn.json["stage"] == "retired"
        again = await at.ask("POST", f"{PLAN}/propose", proposal("1.0.0", FIRST))
        assert (again.status, again.json["code"]) == (400, "VERSION_RETIRED")
        assert (await at.register("1.1.0", BROKEN)).status == 200


@pytest.mark.requirement("schema.proposed")
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (proposal("1.1.0", BROKEN), 400, "INCOMPATIBLE"),
        (proposal("1.0.0", GROWN), 400, "VERSION_TAKEN"),
        (proposal("1.1.0", GROWN, images=[]), 400, "BAD_SCHEMA"),
        (proposal("1.1.0", GROWN, input=None, output=None, images=[]), 400, "INVALID_PARAMS"),
        (proposal("1.1.0", GROWN, owner="x" * 1025), 422, "INVALID_PARAMS"),
        (proposal("1.1.0", GROWN, stage="active"), 422, "INVALID_PARAMS"),
    ],
)
async def test_a_proposal_that_cannot_be_is_refused_and_leaves_nothing(
    body: dict[str, Any], status: int, code: str
) -> None:
    async with control_plane(MemoryRegistry()) as at:
        await at.register("1.0.0", FIRST)
        pointer = await at.registry.subject("planner/plan")
        answer = await at.ask("POST", f"{PLAN}/propose", body)
        assert (answer.status, answer.json["code"]) == (status, code)
        if code == "INCOMPATIBLE":
            assert {one["path"] for one in answer.json["violations"]} == {"p.A.days", "p.B.text"}
        assert await at.registry.subject("planner/plan") == pointer
        for text in (GROWN, BROKEN):
            with pytest.raises(KeyError):
                await at.registry.get_blob(load_image(compiled(text)).digest)


@pytest.mark.requirement("schema.race")
async def test_proposals_that_come_at_once_are_all_kept() -> None:
    async with control_plane(MemoryRegistry()) as at, control_plane(at.registry) as other:
        versions = [f"1.{number}.0" for number in range(6)]
        answers = await asyncio.gather(
            *(
                (at, other)[number % 2].ask("POST", f"{PLAN}/propose", proposal(version, FIRST))
                for number, version in enumerate(versions)
            )
        )
        assert [one.status for one in answers] == [200] * 6
        assert await stages(at) == dict.fromkeys(versions, "proposed")


@pytest.mark.requirement("schema.review")
async def test_a_check_says_that_a_release_keeps_its_contract_and_what_its_agent_waits_for() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await at.register("1.0.0", FIRST)
        set_ = await at.ask("PUT", f"{PLAN}/settings", {"review": True})
        assert (set_.json["review"], set_.json["mediation"]) == (True, "enforce")
        new = (await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", GROWN))).json
        assert (new["compatible"], new["code"]) == (True, "STAGE_REFUSED")
        assert "meshgate schema propose" in new["message"]
        refused = await at.register("1.1.0", GROWN)
        assert (refused.status, refused.json["message"]) == (400, new["message"])
        assert (await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", BROKEN))).json["code"] == "INCOMPATIBLE"

        await at.ask("POST", f"{PLAN}/propose", proposal("1.1.0", GROWN))
        waits = (await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", GROWN))).json
        assert (waits["compatible"], waits["code"]) == (True, "STAGE_REFUSED")
        assert "meshgate schema promote planner/plan 1.1.0 active" in waits["message"]
        await at.ask("POST", f"{PLAN}/promote", {"version": "1.1.0", "stage": "active"})
        assert (await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", GROWN))).json["code"] == ""
        assert (await at.ask("PUT", f"{PLAN}/settings", {"review": False})).json["review"] is False
        assert (await at.register("1.2.0", GROWN)).status == 200


# --- on traffic


async def put_forward(mesh: LocalMesh, version: str) -> None:
    """Propose a release of the weather's forecast, and let the gateway hear of it."""
    made, data = skill(version)
    await propose(SchemaGate(mesh.gateway.schemas.store), "weather", made, (data,), 1.7e9)
    await heard(mesh, lambda subject: subject.release(version) is not None)


def versions_on_card(mesh: LocalMesh) -> list[str]:
    card = mesh.gateway.cards.card(parse_selector("weather"), [EVERYONE], "http://m")
    assert card is not None
    extensions = msgspec.json.decode(card)["capabilities"].get("extensions", [])
    told = [each["params"]["skills"] for each in extensions if each["uri"] == CONTRACTS_URI]
    return [one["version"] for one in told[0]["forecast"]["releases"]] if told else []


@pytest.mark.requirement("schema.proposed-traffic")
async def test_nobody_speaks_a_proposed_release_until_it_is_active() -> None:
    async with meshed("1.1.0", releases=("1.0.0", "1.1.0")) as (mesh, agents):
        await put_forward(mesh, "2.0.0")
        new = said("2.0.0", {"place": "Bern"})
        for given, headers in ((new, {}), ({"data": {"place": "Bern"}}, {"meshgate_schema_version": "2.0.0"})):
            with pytest.raises(SchemaRetired) as caught:
                await ask(mesh, given, **headers)
            assert caught.value.metadata["served"] == "1.0.0,1.1.0"
            assert "is proposed, and not active yet" in caught.value.message
        typed = {"data": {"city": "Bern"}, "mediaType": "application/json; type=p.Ask"}
        assert (await ask(mesh, typed))[0] == ANSWERS["1.1.0"]
        with pytest.raises(NoRoute):
            await ask(mesh, {"data": {"place": "Bern"}}, selector="forecast@^2")
        assert versions_on_card(mesh) == ["1.0.0", "1.1.0"]
        assert agents["1.1.0"].asked == [{"city": "Bern"}]

        await change(mesh, lambda subject: promote(subject, "2.0.0", Stage.ACTIVE, now=1.8e9))
        assert (await ask(mesh, new))[0] == ANSWERS["2.0.0"]
        assert (await ask(mesh, {"data": {"place": "Bern"}}, selector="forecast@^2"))[0] == ANSWERS["2.0.0"]
        typed = {"data": {"place": "Bern"}, "mediaType": "application/json; type=p.Ask"}
        assert (await ask(mesh, typed))[0] == ANSWERS["2.0.0"]
        assert versions_on_card(mesh) == ["1.0.0", "1.1.0", "2.0.0"]


@pytest.mark.requirement("schema.proposed-traffic")
async def test_a_proposal_changes_nothing_for_an_agent_that_has_no_contract() -> None:
    async with LocalMesh() as mesh:
        agent = Weather(ANSWERS["1.0.0"])
        plain = Capability("forecast", "1.0.0")
        await mesh.add("weather", agent, skills=(plain,), version="1.0.0")
        await put_forward(mesh, "1.0.0")
        for given in ({"data": {"city": ""}}, said("1.0.0", {"city": ""})):
            answer, headers = await ask(mesh, given)
            assert answer == ANSWERS["1.0.0"]
            assert "meshgate-schema" not in headers
        assert agent.asked == [{"city": ""}] * 2
        assert versions_on_card(mesh) == []


@pytest.mark.requirement("schema.proposed-traffic")
async def test_the_migrations_of_a_proposed_release_are_not_walked() -> None:
    async with meshed("1.1.0", releases=("1.0.0", "1.1.0")) as (mesh, agents):
        made, data = skill("1.0.0")
        turned = msgspec.structs.replace(
            made, version="1.0.5", migrations=(Migration("1.0.0", {"city": "'Rome'"}, {"wind_kmh": "99.0"}),)
        )
        gate_ = SchemaGate(mesh.gateway.schemas.store)
        await propose(gate_, "weather", turned, (data,), 1.7e9)
        await heard(mesh, lambda subject: subject.release("1.0.5") is not None)
        assert (await ask(mesh, said("1.0.0", {"city": "Bern"})))[0]["windKmh"] == 12.0
        assert agents["1.1.0"].asked == [{"city": "Bern"}]
        await change(mesh, lambda subject: promote(subject, "1.0.5", Stage.ACTIVE, now=1.8e9))
        assert (await ask(mesh, said("1.0.0", {"city": "Bern"})))[0]["windKmh"] == 99.0
        assert agents["1.1.0"].asked[1:] == [{"city": "Rome"}]


@pytest.mark.requirement("schema.proposed-traffic", "schema.life")
async def test_a_release_that_is_not_served_is_refused_by_its_version_where_its_types_are_its_own() -> None:
    async with meshed("1.1.0", releases=("1.1.0",)) as (mesh, agents):
        text = "message Question { string place = 1; } message Reply { double temperature = 1; }"
        refs = (SchemaRef(f"p.{name}", load_image(compiled(text)).digest) for name in ("Question", "Reply"))
        made = Capability("forecast", "3.0.0", input=next(refs), output=next(refs))
        await propose(SchemaGate(mesh.gateway.schemas.store), "weather", made, (compiled(text),), 1.7e9)
        await heard(mesh, lambda subject: subject.release("3.0.0") is not None)
        other = said("3.0.0", {"place": "Bern"}, "p.Question")
        with pytest.raises(SchemaRetired):
            await ask(mesh, other)
        await change(mesh, lambda subject: promote(subject, "3.0.0", Stage.RETIRED, now=1.8e9))
        with pytest.raises(SchemaRetired):
            await ask(mesh, other)
        assert agents["1.1.0"].asked == []
