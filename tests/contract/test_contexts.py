"""Ids of contexts are their owner's: no two callers meet in a conversation, and each end reads ids that it knows."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Literal

import pytest

from tests.contract.conftest import Doors
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal
from tests.contract.wild import Answer, WildAgent

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
Agent = Literal["JSONRPC", "HTTP+JSON", "GRPC"]
Tree = dict[str, Any]


def message(context: str) -> Tree:
    """A message of the agent's."""
    return {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}], "contextId": context, "taskId": "t1"}


def everywhere(context: str, state: str = "INPUT_REQUIRED") -> Tree:
    """A task that has its context in each place there is."""
    status = {"state": f"TASK_STATE_{state}", "message": message(context)}
    return {"task": {"id": "t1", "contextId": context, "status": status, "history": [message(context)]}}


def updates(context: str) -> list[Tree]:
    """A stream that has it in each event."""
    status = {"state": "TASK_STATE_COMPLETED", "message": message(context)}
    artifact = {"artifactId": "a", "parts": [{"text": "x"}]}
    return [
        everywhere(context, "WORKING"),
        {"artifactUpdate": {"taskId": "t1", "contextId": context, "artifact": artifact}},
        {"statusUpdate": {"taskId": "t1", "contextId": context, "status": status}},
    ]


def contexts(tree: Any) -> set[str]:
    """Every context id in an answer."""
    return set(re.findall(r'"contextId": "([^"]*)"', json.dumps(tree, ensure_ascii=False)))


def heard(wild: WildAgent) -> str:
    """The context that the agent was last told."""
    return str(wild.params[-1]["message"].get("contextId", ""))


@pytest.mark.requirement("contexts.own")
@pytest.mark.cells("contexts.own")
@AGENTS
async def test_an_id_that_its_caller_made_reaches_the_agent_as_one_of_the_callers_own(
    mesh: Mesh, doors: Doors, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    for own in ("trip", "3f0e6c2a-91f4-4b6e-8d6b-0a1b2c3d4e5f", "\u00fc" * 32, "long " * 20):
        await goes_and_comes(doors, wild, own, mesh.caller(), mesh.caller())


async def goes_and_comes(doors: Doors, wild: WildAgent, own: str, key: str, stranger: str) -> None:
    """One id on every way."""
    wild.answers.clear()
    wild.say(everywhere(""))
    told: list[str] = []
    for door, who in ((doors.here, key), (doors.there, key), (doors.here, stranger)):
        await door.ask("SendMessage", saying({"do": "x"}, contextId=own), wild.name, key=who)
        told.append(heard(wild))
    here, there, other = told
    assert (here == there, uuid.UUID(here).version, len({here, other, own})) == (True, 8, 3)

    wild.say(everywhere(here))
    answer = await doors.here.ask("SendMessage", saying({"do": "x"}, contextId=own), wild.name, key=key)
    assert contexts(answer.tree) == {own}
    wild.answers["SendStreamingMessage"] = Answer(updates(here))
    events = doors.there.stream("SendStreamingMessage", saying({"do": "x"}, contextId=own), wild.name, key=key)
    assert contexts([event async for event in events]) == {own}

    task = answer.task["id"]
    wild.answers["GetTask"] = Answer([everywhere(here)["task"]])
    shown = contexts((await doors.there.ask("GetTask", {"id": task}, key=key)).tree)
    carried = len(own.encode()) <= 64
    assert (shown == {own}, len(shown)) == (carried, 1)
    for name in {own, *shown, ""}:
        more = {"contextId": name} if name else {}
        again = await doors.there.ask("SendMessage", saying({"do": "x"}, taskId=task, **more), wild.name, key=key)
        assert (heard(wild), contexts(again.tree)) == (here if name else "", {own} if name == own else shown)


@pytest.mark.requirement("contexts.agents")
@pytest.mark.cells("contexts.own")
@AGENTS
async def test_an_id_that_the_agent_made_is_its_callers_alone(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(everywhere("c9"))
    answer = await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=key)
    (shown,) = contexts(answer.tree)
    assert (shown.endswith("~c9"), heard(wild)) == (True, "")
    wild.answers["GetTask"] = Answer([everywhere("c9")["task"]])
    assert contexts((await doors.there.ask("GetTask", {"id": answer.task["id"]}, key=key)).tree) == {shown}
    on_task = {"taskId": answer.task["id"], "contextId": shown}
    for more in ({"contextId": shown}, on_task):
        again = await doors.there.ask("SendMessage", saying({"do": "x"}, **more), wild.name, key=key)
        assert (heard(wild), contexts(again.tree)) == ("c9", {shown})
    forged = ("B" if shown[0] == "A" else "A") + shown[1:]
    for who, name in ((mesh.caller(), shown), (key, "c9"), (key, shown[:-1] + "8"), (key, forged)):
        await doors.here.ask("SendMessage", saying({"do": "x"}, contextId=name), wild.name, key=who)
        assert uuid.UUID(heard(wild)).version == 8


@pytest.mark.requirement("contexts.task")
@pytest.mark.cells("contexts.own")
@AGENTS
async def test_a_message_in_another_context_than_its_tasks_is_refused(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(everywhere("c9"))
    answer = await doors.here.ask("SendMessage", saying({"do": "x"}, contextId="trip"), wild.name, key=key)
    sent = saying({"do": "x"}, taskId=answer.task["id"], contextId="fair")
    found = await refusal(doors.there, "SendMessage", sent, wild.name, key=key)
    assert (found.means("INVALID_PARAMS"), found.fields, len(wild.params)) == (True, ["message.contextId"], 1)


@pytest.mark.requirement("contexts.own")
@pytest.mark.cells("contexts.own")
@AGENTS
async def test_an_agent_that_shares_its_contexts_gets_ids_as_they_are(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent, sharedContexts=True)
    for who in (key, mesh.caller()):
        wild.say(everywhere("room"))
        answer = await doors.here.ask("SendMessage", saying({"do": "x"}, contextId="room"), wild.name, key=who)
        assert (heard(wild), contexts(answer.tree)) == ("room", {"room"})
        sent = saying({"do": "x"}, taskId=answer.task["id"], contextId="room")
        await doors.there.ask("SendMessage", sent, wild.name, key=who)
        assert heard(wild) == "room"
