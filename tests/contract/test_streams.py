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
from tests.contract.wild import task, update

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "GRPC"])
Agent = Literal["JSONRPC", "GRPC"]
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
