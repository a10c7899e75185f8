"""Who calls: which tasks a caller may refer to, and which agents are told who it is."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.contract.conftest import Doors
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal
from tests.contract.wild import task

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
Agent = Literal["JSONRPC", "HTTP+JSON", "GRPC"]


@pytest.mark.requirement("references.own")
@pytest.mark.cells("references.own")
@AGENTS
async def test_a_message_refers_to_tasks_of_its_caller_alone(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    ids: list[str] = []
    for who in (key, mesh.caller(), mesh.caller()):
        wild.say(task(f"t-{len(ids)}"))
        ids.append((await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=who)).task["id"])
    own, other, third = ids
    forged = own[:-1] + "9"
    wild.say(task("t-9"))
    await doors.there.ask("SendMessage", saying({"do": "x"}, referenceTaskIds=[own]), wild.name, key=key)
    assert wild.params[-1]["message"]["referenceTaskIds"] == ["t-0"]
    seen = len(wild.params)
    refused = [
        await refusal(door, "SendMessage", saying({"do": "x"}, referenceTaskIds=[own, bad]), wild.name, key=key)
        for door in doors
        for bad in (other, third, forged, "t-0", "made up")
    ]
    for found in refused:
        assert found.means("TASK_NOT_FOUND")
        assert found.fields == ["message.referenceTaskIds[1]"]
    assert len({found.message for found in refused}) == 1
    assert len(wild.params) == seen


@pytest.mark.requirement("references.own")
@pytest.mark.cells("references.own")
@AGENTS
async def test_an_agent_that_takes_any_reference_is_sent_what_its_callers_refer_to(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent, anyReferences=True)
    wild.say(task("t-1"))
    other = (await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=mesh.caller())).task["id"]
    forged = other[:-1] + "9"
    wild.say(task("t-2"))
    sent = saying({"do": "x"}, referenceTaskIds=[other, forged, "made up"])
    await doors.there.ask("SendMessage", sent, wild.name, key=key)
    assert wild.params[-1]["message"]["referenceTaskIds"] == ["t-1", forged, "made up"]


@pytest.mark.requirement("caller.told")
@pytest.mark.cells("caller.told")
@AGENTS
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
async def test_a_foreign_agent_is_told_who_calls_where_the_operator_says_so(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, told: bool, unique: Any
) -> None:
    name = unique("foreign")
    await mesh.join(name, binding=agent, manifest={"tellCaller": True} if told else None)
    await mesh.known(name)
    forged = {"meshgate-principal": "root", "meshgate-tenant": "elsewhere"}
    for door in doors:
        answer = await door.ask("SendMessage", saying({"do": "echo"}), name, key=key, headers=forged)
        seen = {header: text for header, text in answer.heard["headers"].items() if header in forged}
        assert seen == ({"meshgate-principal": mesh.names[key], "meshgate-tenant": "default"} if told else {})


@pytest.mark.requirement("caller.told")
async def test_an_sdk_agent_is_always_told_who_calls(mesh: Mesh, doors: Doors, key: str) -> None:
    forged = {"meshgate-principal": "root", "meshgate-tenant": "elsewhere"}
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), "desk", key=key, headers=forged)
    seen = {header: text for header, text in answer.heard["headers"].items() if header in forged}
    assert seen == {"meshgate-principal": mesh.names[key], "meshgate-tenant": "default"}
