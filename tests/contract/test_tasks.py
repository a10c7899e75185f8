"""A task that was started at one gateway is read, streamed, answered and cancelled at the other, by its owner alone."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from a2a.server.tasks import InMemoryTaskStore

from tests.contract.conftest import Doors
from tests.contract.doors import Door, Refused, soon
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import AGENTS, broken, refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = {"configuration": {"returnImmediately": True}}


async def start(door: Door, script: dict[str, Any], to: str, key: str) -> str:
    """Start a task and leave it at work; its id."""
    answer = await door.ask("SendMessage", {**saying(script), **AT_ONCE}, to, key=key)
    return str(answer.task["id"])


async def state(door: Door, task: str, key: str, to: str = "") -> str:
    """The state of a task."""
    return str((await door.ask("GetTask", {"id": task}, to, key=key)).tree["status"]["state"])


async def ended(door: Door, task: str, key: str, as_what: str = "TASK_STATE_COMPLETED") -> None:
    """Wait until a task has ended in this state."""

    async def done() -> bool:
        return await state(door, task, key) == as_what

    await soon(done)


def last_state(events: list[dict[str, Any]]) -> str:
    """The last state that a stream told of."""
    states = [event["statusUpdate"]["status"]["state"] for event in events if "statusUpdate" in event]
    return str(states[-1])


@pytest.mark.requirement("contract.task_elsewhere")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_task_is_read_at_the_other_gateway(mesh: Mesh, doors: Doors, key: str, agent: str, unique: Any) -> None:
    gate = unique("read")
    task = await start(doors.here, {"do": "hold", "key": gate}, agent, key)
    for to in ("", agent):
        assert await state(doors.there, task, key, to) in ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING")
    mesh.stage.open(gate)
    await ended(doors.there, task, key)
    answer = await doors.there.ask("GetTask", {"id": task}, key=key)
    assert (answer.tree["id"], answer.text) == (task, "released")


@pytest.mark.requirement("contract.task_elsewhere")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_task_is_followed_at_the_other_gateway(
    mesh: Mesh, doors: Doors, key: str, agent: str, unique: Any
) -> None:
    gate = unique("follow")
    task = await start(doors.here, {"do": "hold", "key": gate}, agent, key)
    seen: list[dict[str, Any]] = []
    async for event in doors.there.stream("SubscribeToTask", {"id": task}, key=key):
        seen.append(event)
        mesh.stage.open(gate)
    assert seen[0]["task"]["id"] == task
    assert last_state(seen) == "TASK_STATE_COMPLETED"
    assert {e["statusUpdate"]["taskId"] for e in seen if "statusUpdate" in e} == {task}


@pytest.mark.requirement("contract.task_elsewhere")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_task_is_cancelled_at_the_other_gateway_and_its_stream_says_so(
    mesh: Mesh, doors: Doors, key: str, agent: str, unique: Any
) -> None:
    hold = saying({"do": "hold", "key": unique("cancel")})
    seen: list[dict[str, Any]] = []
    async for event in doors.here.stream("SendStreamingMessage", hold, agent, key=key):
        if not seen:
            answer = await doors.there.ask("CancelTask", {"id": event["task"]["id"]}, key=key)
            assert answer.tree["status"]["state"] == "TASK_STATE_CANCELED"
        seen.append(event)
    assert last_state(seen) == "TASK_STATE_CANCELED"
    assert await state(doors.there, seen[0]["task"]["id"], key) == "TASK_STATE_CANCELED"


@pytest.mark.requirement("contract.detach")
@pytest.mark.parametrize("agent", AGENTS)
async def test_who_leaves_a_stream_only_detaches(mesh: Mesh, doors: Doors, key: str, agent: str, unique: Any) -> None:
    gate = unique("detach")
    events = doors.here.stream("SendStreamingMessage", saying({"do": "hold", "key": gate}), agent, key=key)
    async with aclosing(events):
        first = await anext(events)
    mesh.stage.open(gate)
    await ended(doors.there, first["task"]["id"], key)


@pytest.mark.requirement("contract.turns")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_question_is_answered_at_the_other_gateway(doors: Doors, key: str, agent: str) -> None:
    asked = await doors.here.ask("SendMessage", saying({"do": "ask"}), agent, key=key)
    assert asked.task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    names = {"taskId": asked.task["id"], "contextId": asked.task["contextId"]}
    answer = await doors.there.ask("SendMessage", saying({"do": "echo", "text": "both"}, **names), agent, key=key)
    assert (answer.task["id"], answer.heard["text"]) == (asked.task["id"], "both")
    assert answer.task["status"]["state"] == "TASK_STATE_COMPLETED"


@pytest.mark.requirement("contract.turns")
async def test_a_task_id_alone_says_where_a_message_goes(doors: Doors, key: str) -> None:
    asked = await doors.here.ask("SendMessage", saying({"do": "ask"}), "clerk", key=key)
    answer = await doors.there.ask("SendMessage", saying({"do": "echo"}, taskId=asked.task["id"]), key=key)
    assert answer.heard["agent"] == "clerk"


@pytest.mark.requirement("contract.references")
async def test_referenced_tasks_are_named_as_their_agent_knows_them(doors: Doors, key: str) -> None:
    own = (await doors.here.ask("SendMessage", saying({"do": "echo"}), "clerk", key=key)).task["id"]
    other = (await doors.here.ask("SendMessage", saying({"do": "echo"}), "porter", key=key)).task["id"]
    script = saying({"do": "echo"}, referenceTaskIds=[own, other])
    answer = await doors.there.ask("SendMessage", script, "clerk", key=key)
    assert answer.heard["references"] == [own.partition("~")[2], other]


# -- whose it is

_ON_TASK = ["GetTask", "CancelTask", "SubscribeToTask", "SendMessage", "SendStreamingMessage"]


async def touch(door: Door, method: str, task: str, key: str, to: str = "") -> Refused:
    """What an operation on a task is refused with."""
    params = saying({"do": "echo"}, taskId=task) if method.startswith("Send") else {"id": task}
    if method in ("GetTask", "CancelTask", "SendMessage"):
        return await refusal(door, method, params, to, key=key)
    return await broken(door.stream(method, params, to, key=key))


@pytest.mark.requirement("path.task_owner")
@pytest.mark.parametrize("method", _ON_TASK)
async def test_anothers_task_looks_absent_byte_for_byte(
    mesh: Mesh, doors: Doors, key: str, method: str, unique: Any
) -> None:
    gate = unique("own")
    task = await start(doors.here, {"do": "hold", "key": gate}, "clerk", key)
    absent = task[:-4] + ("aaaa" if not task.endswith("aaaa") else "bbbb")
    # Each case has its own: who asks often for what is not there is refused, whichever case asks.
    strangers = [mesh.caller(), mesh.stranger()]
    found = [await touch(door, method, name, who) for who in strangers for door in doors for name in (task, absent)]
    assert {refused.raw for refused in found} == {found[0].raw}
    assert found[0].means("TASK_NOT_FOUND")
    # The owner's own question about no task sounds no different.
    assert (await touch(doors.here, method, absent, key)).raw == found[0].raw
    mesh.stage.open(gate)
    await ended(doors.there, task, key)


@pytest.mark.requirement("path.task_owner")
async def test_an_operator_of_the_tenant_may_act_on_its_tasks(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    task = await start(doors.here, {"do": "hold", "key": unique("oversee")}, "clerk", key)
    answer = await doors.there.ask("CancelTask", {"id": task}, key=mesh.key("overseer"))
    assert (answer.tree["id"], answer.tree["status"]["state"]) == (task, "TASK_STATE_CANCELED")


@pytest.mark.requirement("path.task_owner")
async def test_a_task_is_not_found_under_another_agents_address(doors: Doors, key: str) -> None:
    task = (await doors.here.ask("SendMessage", saying({"do": "echo"}), "clerk", key=key)).task["id"]
    for to in ("porter", "carry@1", "nobody"):
        assert (await refusal(doors.there, "GetTask", {"id": task}, to, key=key)).means("TASK_NOT_FOUND"), to


@pytest.mark.requirement("contract.task_over")
async def test_a_task_that_is_over_is_neither_cancelled_nor_followed(doors: Doors, key: str) -> None:
    task = (await doors.here.ask("SendMessage", saying({"do": "echo"}), "clerk", key=key)).task["id"]
    assert (await touch(doors.there, "CancelTask", task, key)).means("TASK_NOT_CANCELABLE")
    assert (await touch(doors.there, "SubscribeToTask", task, key)).means("UNSUPPORTED_OPERATION")


# -- where it is kept


@pytest.mark.requirement("contract.instance_gone")
async def test_the_owner_learns_that_the_instance_with_its_task_is_gone(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    name = unique("gone")
    maker = await mesh.join(name)
    await mesh.join(name)
    await mesh.known(name)

    async def from_maker() -> str:
        answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), name, key=key)
        return str(answer.task["id"]) if answer.heard["instance"] == maker.instance else ""

    task = await soon(from_maker)
    await mesh.leave(maker)

    async def gone() -> bool:
        found = await asyncio.gather(*(_get(door, task, key) for door in doors))
        return found == ["INSTANCE_GONE"] * 2

    await soon(gone)
    stranger = mesh.caller()
    absent = await touch(doors.there, "GetTask", task[:-4] + "aaaa", stranger)
    assert (await touch(doors.there, "GetTask", task, stranger)).raw == absent.raw


async def _get(door: Door, task: str, key: str) -> str:
    try:
        await door.ask("GetTask", {"id": task}, key=key)
    except Refused as refused:
        return refused.metadata.get("reason", "") if refused.means("TASK_NOT_FOUND") else refused.reason
    return "there"


@pytest.mark.requirement("contract.shared_tasks")
async def test_instances_that_share_their_tasks_answer_for_each_other(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    name, store = unique("shared"), InMemoryTaskStore()
    first = await mesh.join(name, shared=True, store=store)
    second = await mesh.join(name, shared=True, store=store, where=1)
    await mesh.known(name)
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), name, key=key)
    task = answer.task["id"]
    maker = first if answer.heard["instance"] == first.instance else second
    await mesh.leave(maker)

    async def moved() -> bool:
        found = await doors.there.ask("GetTask", {"id": task}, key=key)
        assert (found.tree["id"], found.text) == (task, answer.text)
        return found.head["meshgate-instance"] != maker.instance

    await soon(moved)
