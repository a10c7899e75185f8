"""The admin API for the contracts of skills."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.home import Run
from meshgate.registry.schemas import load_image
from tests.contract.doors import soon
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN, contract, manifest_of
from tests.gateway.control_plane import ControlPlane, control_plane, proposal
from tests.gateway.meshes import limits
from tests.registry.schemas.build import compiled
from tests.registry.virtual import until
from tests.support.patience import patience
from tests.support.whole import whole_gateway

PLAN = "/planner/plan"


async def releases(at: ControlPlane, *versions: tuple[str, str]) -> None:
    """Register these releases of planner/plan."""
    for version, text in versions:
        assert (await at.register(version, text)).status == 200
    await at.known("planner/plan", *(version for version, _ in versions))


async def subject(at: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = (await at.ask("GET", PLAN)).json
    return found


@pytest.mark.requirement("schema.admin")
async def test_skills_with_contracts_are_listed_by_name_in_pages_and_by_agent() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await at.register("1.0.0", FIRST, "two", "b")
        await at.register("1.0.0", FIRST, "one", "b")
        await at.register("1.0.0", FIRST, "plan", "a")
        await at.register("1.1.0", GROWN, "plan", "a")
        await until(lambda: len(at.catalogue) == 3)
        await at.known("a/plan", "1.0.0", "1.1.0")

        first = (await at.ask("GET", "?limit=2")).json
        assert [one["subject"] for one in first["subjects"]] == ["a/plan", "b/one"]
        assert first["subjects"][0] == {
            "subject": "a/plan",
            "latest": "1.1.0",
            "releases": 2,
            "stages": {"active": 2},
            "input": "p.A",
            "output": "p.B",
            "mediation": "enforce",
        }
        rest = (await at.ask("GET", f"?limit=2&after={first['next']}")).json
        assert [one["subject"] for one in rest["subjects"]] == ["b/two"]
        assert "next" not in rest
        mine = (await at.ask("GET", "?agent=b&limit=2")).json
        assert [one["subject"] for one in mine["subjects"]] == ["b/one", "b/two"]
        assert "next" not in mine
        assert (await at.ask("GET", "?limit=1001")).status == 422


@pytest.mark.requirement("schema.admin")
async def test_a_skills_releases_and_settings_are_shown_as_the_registry_has_them() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST), ("1.1.0", GROWN))
        found = await subject(at)

    assert (found["subject"], found["stale"]) == ("planner/plan", False)
    assert found["settings"] == {
        "input": "BACKWARD_TRANSITIVE",
        "output": "FORWARD_TRANSITIVE",
        "forms": ["wire", "json"],
        "mediation": "enforce",
        "validate_output": False,
        "review": False,
    }
    first, second = found["releases"]
    assert first["input"] == {"type": "p.A", "hash": load_image(compiled(FIRST)).digest}
    assert (first["version"], second["version"], first["stage"], first["owner"]) == (
        "1.0.0",
        "1.1.0",
        "active",
        "team-plan",
    )
    assert {"steward", "notice", "registered", "deprecated", "sunset", "migrations", "output"} <= first.keys()


@pytest.mark.requirement("schema.admin")
async def test_a_releases_image_comes_with_the_name_of_its_message() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        answer = await at.ask("GET", f"{PLAN}/releases/1.0.0/output")
        assert answer.body == load_image(compiled(FIRST)).data
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["meshgate-schema-type"] == "p.B"
        assert (await at.ask("GET", f"{PLAN}/releases/1.1.0/output")).status == 404
        assert (await at.ask("GET", f"{PLAN}/releases/newest/output")).status == 400
        assert (await at.ask("GET", f"{PLAN}/releases/1.0.0/card")).status == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/planner/other", None),
        ("GET", "/planner/other/releases/1.0.0/input", None),
        ("GET", "/planner/other/usage", None),
        ("POST", "/planner/other/promote", {"version": "1.0.0", "stage": "retired"}),
        ("POST", "/planner/plan/promote", {"version": "9.0.0", "stage": "retired"}),
        ("PUT", "/planner/other/settings", {"mediation": "off"}),
    ],
)
async def test_what_has_no_contract_is_not_found_and_nothing_is_made_of_it(method: str, path: str, body: Any) -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        answer = await at.ask(method, path, body)
        assert (answer.status, answer.json["code"]) == (404, "UNKNOWN_CONTRACT")
        assert await at.registry.subject("planner/other") == ""


@pytest.mark.requirement("schema.admin-key")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", PLAN, None),
        ("GET", f"{PLAN}/releases/1.0.0/input", None),
        ("GET", f"{PLAN}/usage", None),
        ("POST", f"{PLAN}/check", proposal("1.1.0", GROWN)),
        ("POST", f"{PLAN}/propose", proposal("1.1.0", GROWN)),
        ("POST", f"{PLAN}/promote", {"version": "1.0.0", "stage": "deprecated"}),
        ("PUT", f"{PLAN}/settings", {"mediation": "off"}),
    ],
)
async def test_every_route_needs_an_admins_key(method: str, path: str, body: Any) -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        before = await subject(at)
        for key in ("", at.key("client"), at.join_key):
            assert (await at.ask(method, path, body, key=key)).status == 401
        assert await subject(at) == before
        assert (await at.ask(method, path, body)).status == 200


# --- judging


@pytest.mark.requirement("schema.check")
async def test_a_release_is_judged_as_its_registration_would_be_and_nothing_is_stored() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        pointer = await at.registry.subject("planner/plan")
        good = await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", GROWN))
        assert good.json == {
            "compatible": True,
            "code": "",
            "message": "",
            "violations": [],
            "suggested_version": "",
            "stale": False,
        }
        bad = (await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", BROKEN))).json
        refused = await at.register("1.1.0", BROKEN)
        assert refused.status == 400
        assert bad["message"] == refused.json["message"]
        assert (bad["compatible"], bad["code"], bad["suggested_version"]) == (False, "INCOMPATIBLE", "2.0.0")
        assert {one["path"] for one in bad["violations"]} == {"p.A.days", "p.B.text"}
        assert all(
            one.keys() == {"path", "rule", "direction", "form", "what", "remedy", "mediated", "against"}
            for one in bad["violations"]
        )
        assert await at.registry.subject("planner/plan") == pointer
        for text in (GROWN, BROKEN):
            with pytest.raises(KeyError):
                await at.registry.get_blob(load_image(compiled(text)).digest)


@pytest.mark.requirement("schema.check")
async def test_a_version_is_suggested_under_which_the_release_would_be_taken() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST), ("1.4.2", FIRST), ("2.0.0", BROKEN))
        taken = (await at.ask("POST", f"{PLAN}/check", proposal("1.0.0", GROWN))).json
        assert (taken["code"], taken["violations"], taken["suggested_version"]) == ("VERSION_TAKEN", [], "1.5.0")
        taken = (await at.ask("POST", f"{PLAN}/check", proposal("1.0.0", BROKEN))).json
        assert (taken["code"], taken["suggested_version"]) == ("VERSION_TAKEN", "3.0.0")
        broken = (await at.ask("POST", f"{PLAN}/check", proposal("1.5.0", BROKEN))).json
        assert (broken["code"], broken["suggested_version"]) == ("INCOMPATIBLE", "3.0.0")
        for verdict, text in ((taken, BROKEN), (broken, BROKEN)):
            again = await at.ask("POST", f"{PLAN}/check", proposal(verdict["suggested_version"], text))
            assert again.json["compatible"]


async def test_a_first_release_and_one_that_is_there_are_fine() -> None:
    async with control_plane(MemoryRegistry()) as at:
        assert (await at.ask("POST", f"{PLAN}/check", proposal("1.0.0", FIRST))).json["compatible"]
        await releases(at, ("1.0.0", FIRST))
        assert (await at.ask("POST", f"{PLAN}/check", proposal("1.0.0", FIRST))).json["compatible"]
        stored = proposal("1.0.0", FIRST, images=[])
        assert (await at.ask("POST", f"{PLAN}/check", stored)).json["compatible"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"images": ["no base64!"]}, 400, "INVALID_PARAMS"),
        ({"images": [base64.b64encode(b"\xff\xff").decode()]}, 400, "BAD_SCHEMA"),
        ({"images": []}, 400, "BAD_SCHEMA"),
        ({"input": {"type": "p.Nobody", "hash": load_image(compiled(GROWN)).digest}}, 400, "BAD_SCHEMA"),
        ({"input": None, "output": None, "images": []}, 400, "INVALID_PARAMS"),
        ({"input": None, "output": None}, 400, "INVALID_PARAMS"),
        ({"migrations": [{"from": "^1"}]}, 400, "INVALID_PARAMS"),
        ({"version": "one"}, 400, "INVALID_PARAMS"),
        ({"version": 1}, 422, "INVALID_PARAMS"),
        ({"versoin": "1.1.0"}, 422, "INVALID_PARAMS"),
    ],
)
async def test_what_cannot_be_judged_is_an_error(changes: dict[str, Any], status: int, code: str) -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        answer = await at.ask("POST", f"{PLAN}/check", {**proposal("1.1.0", GROWN), **changes})
        assert (answer.status, answer.json["code"]) == (status, code)
        assert answer.json["message"]


async def test_the_place_of_what_is_wrong_with_a_schema_is_told() -> None:
    async with control_plane(MemoryRegistry()) as at:
        wrong = {"type": "p.Nobody", "hash": load_image(compiled(GROWN)).digest}
        answer = await at.ask("POST", f"{PLAN}/check", proposal("1.1.0", GROWN, input=wrong))
        assert [one["path"] for one in answer.json["violations"]] == ["p.Nobody"]


@pytest.mark.requirement("schema.admin-bounded")
async def test_a_body_is_read_up_to_the_limit_whoever_sends_it() -> None:
    async with control_plane(MemoryRegistry(), limits=limits(body=2000)) as at:
        assert (await at.ask("POST", f"{PLAN}/check", proposal("1.0.0", FIRST))).status == 200
        answer = await at.ask("POST", f"{PLAN}/check", b" " * 2001)
        assert (answer.status, answer.json["code"]) == (413, "BODY_TOO_LARGE")


# --- changing


@pytest.mark.requirement("schema.admin-change")
async def test_a_release_goes_through_its_stages_and_no_other_way() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        order = {"version": "1.0.0", "stage": "deprecated", "notice": "use 2.0.0", "sunset": "2027-03-31"}
        shown = (await at.ask("POST", f"{PLAN}/promote", order)).json
        assert (shown["stage"], shown["notice"], shown["sunset"]) == ("deprecated", "use 2.0.0", "2027-03-31")
        assert shown["deprecated"] > 0
        assert (await subject(at))["releases"] == [shown]

        assert (await at.ask("POST", f"{PLAN}/promote", {"version": "1.0.0", "stage": "retired"})).status == 200
        back = {"version": "1.0.0", "stage": "deprecated"}
        refused = await at.ask("POST", f"{PLAN}/promote", back)
        assert (refused.status, refused.json["code"]) == (409, "STAGE_REFUSED")
        forced = await at.ask("POST", f"{PLAN}/promote", {**back, "force": True})
        assert forced.json["stage"] == "deprecated"
        later = (await at.ask("POST", f"{PLAN}/promote", {**back, "sunset": "2028-01-01"})).json
        assert later == {**forced.json, "sunset": "2028-01-01"}
        for wrong, status in (({"stage": "gone"}, 422), ({"sunset": "soon"}, 400)):
            assert (await at.ask("POST", f"{PLAN}/promote", {**back, **wrong})).status == status


@pytest.mark.requirement("schema.admin-change")
async def test_settings_are_changed_one_by_one_and_count_for_releases_to_come() -> None:
    async with control_plane(MemoryRegistry()) as at:
        await releases(at, ("1.0.0", FIRST))
        answer = await at.ask("PUT", f"{PLAN}/settings", {"input": "NONE", "forms": ["json"]})
        assert (answer.json["input"], answer.json["forms"]) == ("NONE", ["json"])
        answer = await at.ask("PUT", f"{PLAN}/settings", {"output": "NONE", "validate_output": True})
        assert answer.json == {
            "input": "NONE",
            "output": "NONE",
            "forms": ["json"],
            "mediation": "enforce",
            "validate_output": True,
            "review": False,
        }
        assert (await at.register("1.1.0", BROKEN)).status == 200
        strict = {"input": "FULL_TRANSITIVE", "output": "FULL_TRANSITIVE"}
        assert (await at.ask("PUT", f"{PLAN}/settings", strict)).status == 200
        assert [one["version"] for one in (await subject(at))["releases"]] == ["1.0.0", "1.1.0"]
        unknown: list[dict[str, Any]] = [{"input": "SOMETIMES"}, {"forms": []}, {"mediations": "off"}]
        for wrong in unknown:
            assert (await at.ask("PUT", f"{PLAN}/settings", wrong)).status == 422


@pytest.mark.requirement("schema.admin-change", "schema.race")
async def test_what_several_change_at_once_is_all_kept() -> None:
    async with control_plane(MemoryRegistry()) as at, control_plane(at.registry) as other:
        await releases(at, ("1.0.0", FIRST))
        await other.known()
        changes: list[dict[str, Any]] = [
            {"input": "NONE"},
            {"output": "FULL"},
            {"mediation": "off"},
            {"validate_output": True},
        ]
        answers = await asyncio.gather(
            *((at, other)[number % 2].ask("PUT", f"{PLAN}/settings", change) for number, change in enumerate(changes)),
            other.ask("POST", f"{PLAN}/promote", {"version": "1.0.0", "stage": "deprecated"}),
            at.register("1.1.0", GROWN),
        )
        assert [one.status for one in answers] == [200] * 6
        found = await subject(at)
        for change in changes:
            assert found["settings"].items() >= change.items()
        assert [(one["version"], one["stage"]) for one in found["releases"]] == [
            ("1.0.0", "deprecated"),
            ("1.1.0", "active"),
        ]


async def test_a_contract_that_the_registry_lost_is_put_back_before_it_is_changed(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    async with control_plane(registry, tmp_path) as at:
        await releases(at, ("1.0.0", FIRST))
        await at.saved()
        registry.wipe()
        assert (await at.ask("PUT", f"{PLAN}/settings", {"mediation": "observe"})).status == 200
        found = await subject(at)
        assert [one["version"] for one in found["releases"]] == ["1.0.0"]
        assert found["settings"]["mediation"] == "observe"


# --- usage


async def _usage(run: Run, missing: Sequence[str], more: str = "") -> Any:
    """The usage of a contract once no gateway but these is missing: on a busy machine one may be late."""

    async def whole() -> Any:
        found = await _ask(run.admin, run.admin_key, f"{PLAN}/usage{more}")
        return found if found["missing"] == missing else None

    return await soon(whole)


async def _ask(url: str, key: str, path: str) -> Any:
    async with httpx.AsyncClient(
        headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=patience()
    ) as client:
        answer = await client.get(f"{url}/api/v1/schemas{path}")
        assert answer.status_code == 200
        return answer.json()


@pytest.mark.requirement("schema.usage", "schema.usage-mesh")
async def test_usage_is_summed_over_all_gateways_and_who_does_not_answer_is_named(tmp_path: Path) -> None:
    quick = {"limits": {"lease": 60.0}}
    async with whole_gateway(tmp_path, **quick) as (run, one), whole_gateway(tmp_path, **quick) as (_, two):
        gateways = {one.gateway.id, two.gateway.id}
        await until(lambda: {entry.instance.id for entry in one.gateway.table.gateways} == gateways)
        await SchemaGate(one.gateway.schemas.store).admit(manifest_of(contract()), (compiled(FIRST),))
        for plane, city in ((one, "city"), (two, "days")):
            plane.gateway.usage.note("planner/plan", "ann", "1.0.0", "input", "1.0.0", {city: 1})
        two.gateway.usage.note("planner/plan", "bob", "1.0.0", "output", "1.1.0", {"text": 1}, invalid=True)
        two.gateway.usage.note("planner/other", "bob", "1.0.0", "input", "1.0.0")

        whole = await _usage(run, [])
        assert set(whole["since"]) == gateways
        assert (whole["subject"], whole["missing"], whole["forgotten"]) == ("planner/plan", [], 0)
        rows = {row["caller"]: row for row in whole["rows"]}
        assert (rows["ann"]["calls"], rows["ann"]["fields"]) == (2, {"city": 1, "days": 1})
        assert (rows["bob"]["calls"], rows["bob"]["invalid"], rows["bob"]["agent_version"]) == (1, 1, "1.1.0")
        plain = await _usage(run, [], "?fields=false")
        assert [row["fields"] for row in plain["rows"]] == [{}, {}]

        gone = msgspec.structs.replace(one.gateway.table.gateways[0].instance, id="gw-gone", endpoints=())
        await one.registry.register(one.gateway.mesh.sign_row(gone))
        await until(lambda: "gw-gone" in one.gateway.table.entries)
        partly = await _usage(run, ["gw-gone"])
        assert (partly["missing"], set(partly["since"])) == (["gw-gone"], gateways)


@pytest.mark.requirement("schema.admin")
async def test_every_route_is_described_with_what_it_takes_and_answers() -> None:
    async with control_plane(MemoryRegistry()) as at:
        told = (await at.page("/openapi.json")).json
    routes = {path: ways for path, ways in told["paths"].items() if path.startswith("/api/v1/schemas")}
    assert sum(len(ways) for ways in routes.values()) == 9
    known = set(told["components"]["schemas"])
    named = [each.split('"')[0] for each in msgspec.json.encode(told).decode().split("#/components/schemas/")[1:]]
    assert set(named) <= known
    assert {"SubjectPage", "SubjectView", "CheckResult", "ReleaseView", "UsageAnswer", "CheckBody"} <= set(named)
