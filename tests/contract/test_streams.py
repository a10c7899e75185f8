"""How streams of agents go on, and how they end: the same for callers and agents on each binding."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, Literal

import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import Refused, soon
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.wild import GONE, task, update
from tests.support.patience import patience

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
Agent = Literal["JSONRPC", "HTTP+JSON", "GRPC"]
ASKED = saying({"do": "x"})


async def heard(doors: Doors, name: str, key: str, **headers: str) -> tuple[list[dict[str, Any]], Refused | None]:
    """The events of a stream, and what it ended with if that was an error."""
    events: list[dict[str, Any]] = []
    try:
        async with aclosing(
            doors.here.stream("SendStreamingMessage", ASKED, name, key=key, headers=headers or None)
        ) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - an error comes after some of them
    except Refused as error:
        return events, error
    return events, None


def states(events: list[dict[str, Any]]) -> list[str]:
    """The states that events tell, in words."""
    found = [event.get("task") or event.get("statusUpdate") for event in events]
    return [each["status"]["state"].removeprefix("TASK_STATE_") for each in found if each]


# -- silence


@pytest.mark.requirement("stream.quiet")
@pytest.mark.cells("stream.quiet")
@AGENTS
async def test_a_quiet_stream_goes_on_while_its_agent_answers_for_its_health(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), 1.2, update("COMPLETED"))
    events, error = await heard(doors, wild.name, key)
    assert (states(events), error) == (["WORKING", "COMPLETED"], None)
    assert wild.asked >= 2


@pytest.mark.requirement("stream.quiet")
@pytest.mark.cells("stream.quiet")
@AGENTS
async def test_a_quiet_stream_ends_as_unknown_when_its_agent_answers_for_its_health_no_more(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), hold=True)
    wild.healthy = False
    events, error = await heard(doors, wild.name, key)
    assert error is not None
    assert (error.reason, states(events)) == ("OUTCOME_UNKNOWN", ["WORKING"])
    assert error.metadata == {"task": events[0]["task"]["id"], "retryable": "SubscribeToTask"}

    wild.healthy = True
    wild.say(task(state="WORKING"), update("COMPLETED"), method="SubscribeToTask")
    again = doors.there.stream("SubscribeToTask", {"id": error.metadata["task"]}, wild.name, key=key)
    assert states([event async for event in again]) == ["WORKING", "COMPLETED"]


@pytest.mark.requirement("instance.silent")
@pytest.mark.cells("instance.silent")
@AGENTS
async def test_a_call_to_an_agent_that_is_busy_waits_for_it(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    free = asyncio.Event()
    wild.say(task(), after=free)
    wild.healthy = False
    first = asyncio.ensure_future(doors.here.ask("SendMessage", ASKED, wild.name, key=key))

    async def out() -> bool:
        views = await mesh.admin("GET", "instances")
        return any(view["id"] == wild.instance and view["breaker"] == "open" for view in views)

    await soon(out)
    second = asyncio.ensure_future(doors.here.ask("SendMessage", ASKED, wild.name, key=key))
    await asyncio.sleep(0.3)
    assert wild.arrived == ["SendMessage"]
    wild.healthy = True
    free.set()
    assert [(await each).task["status"]["state"] for each in (first, second)] == ["TASK_STATE_COMPLETED"] * 2
    assert not await out()


# -- ends


async def counted(mesh: Mesh, name: str, agent: str, **labels: str) -> float:
    """The sum of a counter's series for an agent, over all gateways."""
    text = await mesh.metrics()
    wanted = {f'{key}="{value}"' for key, value in {"agent": agent, **labels}.items()}
    lines = [line for line in text.splitlines() if line.startswith(name + "{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


@pytest.mark.requirement("stream.end")
@pytest.mark.cells("stream.end")
@AGENTS
@pytest.mark.parametrize("gone", [False, True], ids=["clean", "broken"])
async def test_a_stream_that_ends_in_the_middle_of_a_task_ends_as_unknown(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, gone: bool, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), *([GONE] if gone else []))
    for _ in range(6):
        events, error = await heard(doors, wild.name, key)
        assert error is not None
        assert (error.reason, states(events)) == ("OUTCOME_UNKNOWN", ["WORKING"])
        assert error.metadata["task"] == events[0]["task"]["id"]
    assert await counted(mesh, "meshgate_streams_cut_total", wild.name) == 6
    wild.say(task(state="WORKING"), update("COMPLETED"))
    assert (await heard(doors, wild.name, key))[1] is None, "an agent that answers its health is not at fault"


@pytest.mark.requirement("stream.end")
@pytest.mark.cells("stream.end")
@AGENTS
async def test_the_caller_is_answered_at_once_and_what_is_not_of_its_task_is_dropped(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    late = [update("WORKING"), task(state="FAILED")]
    wild.say(task(state="WORKING"), task("t2"), update("FAILED", "t2"), update("COMPLETED"), *late, hold=True)
    began = asyncio.get_running_loop().time()
    events, error = await heard(doors, wild.name, key)
    assert (states(events), error) == (["WORKING", "COMPLETED"], None)
    assert asyncio.get_running_loop().time() - began < patience(10.0)

    async def dropped() -> bool:
        name = "meshgate_stream_events_dropped_total"
        found = [await counted(mesh, name, wild.name, reason=why) for why in ("other_task", "after_end")]
        return found == [2, 2]

    await soon(dropped)


@pytest.mark.requirement("stream.end")
@AGENTS
async def test_a_task_that_waits_for_its_caller_may_go_on(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="INPUT_REQUIRED"))
    assert [states(found) if found else error for found, error in [await heard(doors, wild.name, key)]] == [
        ["INPUT_REQUIRED"]
    ]
    wild.say(task(state="INPUT_REQUIRED"), 0.05, update("WORKING"), update("COMPLETED"))
    events, error = await heard(doors, wild.name, key)
    assert (states(events), error) == (["INPUT_REQUIRED", "WORKING", "COMPLETED"], None)


@pytest.mark.requirement("stream.done")
@pytest.mark.cells("stream.done")
@AGENTS
async def test_a_caller_that_leaves_after_the_last_event_had_all_of_it(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), update("FAILED"), hold=True)
    for _ in range(5):
        stream = doors.here.stream("SendStreamingMessage", ASKED, wild.name, key=key)
        async with aclosing(stream):
            assert [states([await anext(stream)]) for _ in range(2)] == [["WORKING"], ["FAILED"]]

    async def all_done() -> bool:
        return await counted(mesh, "meshgate_calls_total", wild.name, outcome="done", task="failed") == 5

    await soon(all_done)
    assert await counted(mesh, "meshgate_calls_total", wild.name) == 5


# -- values


@pytest.mark.requirement("agent.values")
@pytest.mark.cells("agent.values")
@AGENTS
async def test_a_value_that_one_binding_has_no_form_for_costs_no_finished_task(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    finished = task(metadata={"price": float("nan")}) if agent == "GRPC" else task()
    if agent != "GRPC":
        finished["task"]["status"]["timestamp"] = "2026-11-29T04:00:00.5"
    wild.say(finished)
    answer = (await doors.here.ask("SendMessage", ASKED, wild.name, key=key)).task
    (event,), error = await heard(doors, wild.name, key)
    assert error is None
    for found in (answer, event["task"]):
        assert found["status"]["state"] == "TASK_STATE_COMPLETED"
        if agent == "GRPC":
            assert found["metadata"] == {"price": None}
        else:
            assert found["status"]["timestamp"].removesuffix("Z").rstrip("0") == "2026-11-29T04:00:00.5"
            assert found["status"]["timestamp"].endswith("Z")
    assert await counted(mesh, "meshgate_answers_corrected_total", wild.name) == 2


@pytest.mark.requirement("stream.shared")
@pytest.mark.cells("stream.shared")
@AGENTS
async def test_watchers_of_a_task_are_one_subscriber_to_its_agent(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"))
    found = (await doors.here.ask("SendMessage", ASKED, wild.name, key=key)).task["id"]
    wild.say(task(state="WORKING"), 1.0, update("COMPLETED"), method="SubscribeToTask")

    async def watch() -> list[str]:
        return states([event async for event in doors.here.stream("SubscribeToTask", {"id": found}, key=key)])

    for told in await asyncio.gather(watch(), watch(), watch()):
        assert told == ["WORKING", "COMPLETED"]
    assert wild.arrived.count("SubscribeToTask") == 1
