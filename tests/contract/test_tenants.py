"""Two tenants of one mesh share nothing, whatever they call alike: agents, skills, keys, contracts."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, create_model

from meshgate.sdk import Agent
from tests.contract.conftest import Doors
from tests.contract.doors import Door, RpcDoor, soon
from tests.contract.mesh import ELSEWHERE, LIMITS, Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal
from tests.contract.test_operating import outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")
VERSIONS = {"default": "1.0.0", ELSEWHERE: "1.1.0"}
"""The version of an agent in each tenant, by which their cards are told apart."""
APART = pytest.mark.cells("tenants.apart")


def asking(data: Any) -> dict[str, Any]:
    return {"message": {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"data": data}]}}


def counting(mesh: Mesh, name: str, tenant: str, kind: type, folder: Path) -> Agent:
    """An agent with a contract: it takes ``value`` of this kind."""
    lock = folder / f"{tenant}.lock.json"
    joining: dict[str, Any] = {"join": mesh.run(0).join, "join_key": mesh.join_key(0, tenant), "environ": {}}
    agent = Agent(name, version=VERSIONS[tenant], contracts=lock, **joining)
    query: Any = create_model("Query", value=(kind, ...))

    class Counted(BaseModel):
        said: str

    async def count(query: Any) -> Counted:
        return Counted(said=f"{tenant}: {query.value}")

    count.__annotations__ = {"query": query, "return": Counted}
    agent.skill(count)
    return agent


async def both_known(mesh: Mesh, name: str) -> None:
    """Wait until each gateway itself knows the agent of both tenants: what operators are shown is of all together."""
    keys = {"default": mesh.run(0).client_key, ELSEWHERE: mesh.key("elsewhere")}

    async def card(door: Door, tenant: str) -> bytes:
        assert isinstance(door, RpcDoor)
        async with door.connection() as client:
            response = await client.get(
                f"{door.url}/agents/{name}", headers={"authorization": f"Bearer {keys[tenant]}"}
            )
        return response.content

    async def known() -> bool:
        found = [(tenant, await card(door, tenant)) for door in mesh.doors["JSONRPC"] for tenant in VERSIONS]
        return all(f'"version":"{VERSIONS[tenant]}"'.encode() in each for tenant, each in found)

    await soon(known)


async def data_of(door: Door, name: str, value: Any, key: str) -> Any:
    answer = await door.ask("SendMessage", asking({"value": value}), name, key=key)
    return answer.tree["task"]["artifacts"][0]["parts"][0]["data"]


@pytest.mark.requirement("tenants.apart", "tenants.contracts")
@APART
async def test_two_tenants_have_contracts_of_one_name_that_break_each_other(
    mesh: Mesh, doors: Doors, unique: Any, tmp_path: Path
) -> None:
    name = unique("weather")
    for tenant, kind in (("default", str), (ELSEWHERE, int)):
        await mesh.host(counting(mesh, name, tenant, kind, tmp_path))
    await both_known(mesh, name)
    ours, theirs = mesh.twins()
    for door in doors:
        assert await data_of(door, name, "Oslo", ours) == {"said": "default: Oslo"}
        assert await data_of(door, name, 7, theirs) == {"said": f"{ELSEWHERE}: 7"}
        for key, wrong in ((ours, 7), (theirs, "Oslo")):
            found = await refusal(door, "SendMessage", asking({"value": wrong}), name, key=key)
            assert found.reason == "SCHEMA_VIOLATION"
    listed = await mesh.admin("GET", "schemas?limit=1000")
    names = {one["subject"] for one in listed["subjects"]}
    assert {f"{name}/count", f"{ELSEWHERE}:{name}/count"} <= names


@pytest.mark.requirement("tenants.apart")
@APART
async def test_usage_is_counted_for_each_tenant(mesh: Mesh, doors: Doors, unique: Any, tmp_path: Path) -> None:
    name = unique("counted")
    for tenant in ("default", ELSEWHERE):
        await mesh.host(counting(mesh, name, tenant, str, tmp_path))
    await both_known(mesh, name)
    ours, theirs = mesh.twins()
    assert mesh.names[ours].split()[0] == mesh.names[theirs].split()[0]
    await data_of(doors.here, name, "x", ours)
    for _ in range(2):
        await data_of(doors.here, name, "x", theirs)
    for subject, calls in ((f"{name}/count", 1), (f"{ELSEWHERE}:{name}/count", 2)):
        found = await mesh.admin("GET", f"schemas/{subject}/usage")
        assert [row["calls"] for row in found["rows"] if row["direction"] == "input"] == [calls]


@pytest.mark.requirement("tenants.apart", "tenants.kill")
@APART
@pytest.mark.parametrize("kind", ["agent", "skill", "key"])
async def test_a_kill_switch_stops_what_it_names_in_its_own_tenant(
    mesh: Mesh, doors: Doors, unique: Any, kind: str
) -> None:
    agent, skill = unique("doomed"), unique("doom")
    for tenant in ("default", ELSEWHERE):
        await mesh.join(agent, skills={skill: {}}, tenant=tenant, version=VERSIONS[tenant])
    await both_known(mesh, agent)
    ours, theirs = mesh.twins()
    plain = {"agent": agent, "skill": skill, "key": mesh.names[ours].split()[0]}[kind]
    for name, stopped, going in ((plain, ours, theirs), (f"{ELSEWHERE}:{plain}", theirs, ours)):
        await mesh.admin("POST", "kill", {"kind": kind, "name": name, "reason": "a test"})

        async def everywhere(stopped: str = stopped) -> bool:
            found = [await outcome(door, f"{skill}@1", stopped) for door in doors]
            return [refused.reason if refused else "" for refused in found] == ["KILLED"] * 2

        await soon(everywhere)
        for door in doors:
            assert await outcome(door, f"{skill}@1", going) is None
        await mesh.admin("POST", "lift", {"kind": kind, "name": name})


@pytest.mark.requirement("tenants.apart")
@APART
async def test_callers_of_one_name_have_a_rate_in_each_tenant(mesh: Mesh, doors: Doors, unique: Any) -> None:
    name = unique("rated")
    for tenant in ("default", ELSEWHERE):
        await mesh.join(name, tenant=tenant, version=VERSIONS[tenant])
    await both_known(mesh, name)
    ours, theirs = mesh.twins()
    refused = None
    for _ in range(LIMITS["burst"] * 5):
        refused = refused or await outcome(doors.here, name, ours)
    assert refused is not None
    assert refused.means("RATE_LIMITED")
    assert await outcome(doors.here, name, theirs) is None


@pytest.mark.requirement("tenants.apart", "tenants.lineage")
@APART
async def test_a_lineage_token_is_worth_nothing_to_an_agent_of_that_name_in_another_tenant(
    mesh: Mesh, doors: Doors, unique: Any
) -> None:
    name, gate = unique("planner"), unique("gate")
    ours = await mesh.join(name)
    theirs = await mesh.join(name, tenant=ELSEWHERE, version=VERSIONS[ELSEWHERE])
    await both_known(mesh, name)
    key, _ = mesh.twins()
    held = doors.here.stream("SendStreamingMessage", saying({"do": "hold", "key": gate}), name, key=key)
    await anext(held)
    (received,) = await mesh.stage.reached(gate)
    token = {"meshgate-lineage": received.headers["meshgate-lineage"]}
    # In its own tenant the token says that the agent stands on the path already.
    looped = await refusal(doors.here, "SendMessage", saying({"do": "echo"}), name, key=ours.caller.key, headers=token)
    assert looped.means("LOOP")
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), name, key=theirs.caller.key, headers=token)
    assert answer.heard["headers"]["meshgate-job"] != received.headers["meshgate-job"]
    mesh.stage.open(gate)
    await held.aclose()


@pytest.mark.requirement("tenants.kill")
async def test_the_command_names_the_tenant_of_what_it_stops(mesh: Mesh, unique: Any) -> None:
    name = unique("stopped")
    for tenant, spelt in (("default", name), (ELSEWHERE, f"{ELSEWHERE}:{name}")):
        await mesh.command("kill", "agent", name, "--tenant", tenant, "--ahead")
        thrown = {each["name"] for each in await mesh.admin("GET", "switches", where=1)}
        assert spelt in thrown
        await mesh.command("kill", "agent", name, "--tenant", tenant, "--lift")
    assert name not in {each["name"] for each in await mesh.admin("GET", "switches")}
