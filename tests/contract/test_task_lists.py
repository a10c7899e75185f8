"""``ListTasks``: a caller finds its own tasks again, at every gateway, whichever agents they are of, and no others."""

from __future__ import annotations

import time
from typing import Any

import pytest

from meshgate.a2a.codec.timestamps import timestamp_of
from tests.contract.conftest import Doors
from tests.contract.doors import Door
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import AGENTS, refusal
from tests.contract.test_tasks import start

pytestmark = pytest.mark.asyncio(loop_scope="session")
Tree = dict[str, Any]
KEYS = {"id", "contextId", "status", "history", "metadata"}


def now() -> str:
    """The time: callers take turns, and lists begin with what was done before."""
    return timestamp_of(time.time())


async def listed(door: Door, key: str, to: str = "", **params: Any) -> Tree:
    """One page."""
    return (await door.ask("ListTasks", params, to, key=key)).tree


def ids(page: Tree) -> list[str]:
    """The ids on a page."""
    return [str(task["id"]) for task in page.get("tasks", ())]


async def begin(doors: Doors, key: str, gate: str) -> tuple[str, str, str, str]:
    """Four tasks, each begun after the one before: of three agents, at two gateways; the last one is at work."""
    found: list[str] = []
    here, there = doors
    for door, agent, context in ((here, "clerk", "trip"), (there, "desk", "trip"), (there, "clerk", "")):
        said = saying({"do": "echo", "text": agent}, **({"contextId": context} if context else {}))
        found.append((await door.ask("SendMessage", said, agent, key=key)).task["id"])
    return (*found, await start(doors.there, {"do": "hold", "key": gate}, "porter", key))  # type: ignore[return-value]


@pytest.mark.requirement("tasks.listed")
@pytest.mark.cells("tasks.listed")
async def test_a_caller_finds_its_tasks_at_every_gateway(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    gate, since = unique("list"), {"statusTimestampAfter": now()}
    first, second, third, last = await begin(doors, key, gate)
    page = await listed(doors.here, key, **since)
    assert ids(page) == [last, third, second, first]
    assert (page["pageSize"], page["totalSize"], page.get("nextPageToken", "")) == (50, 4, "")
    assert [task["contextId"] for task in page["tasks"][2:]] == ["trip", "trip"]
    assert all(task.keys() <= KEYS and task["status"]["timestamp"] for task in page["tasks"])
    assert {task["status"]["state"] for task in page["tasks"][1:]} == {"TASK_STATE_COMPLETED"}
    for params, found in (
        ({"contextId": "trip"}, [second, first]),
        ({"contextId": "fair"}, []),
        ({"status": "TASK_STATE_COMPLETED"}, [third, second, first]),
        ({"status": "TASK_STATE_FAILED"}, []),
        ({"statusTimestampAfter": page["tasks"][1]["status"]["timestamp"]}, [last, third]),
        ({"statusTimestampAfter": "2999-01-01T00:00:00Z"}, []),
    ):
        assert ids(await listed(doors.there, key, **{**since, **params})) == found
    for agent, found in (("clerk", [third, first]), ("desk", [second]), ("gamma", [])):
        assert ids(await listed(doors.there, key, agent, **since)) == found
    mesh.stage.open(gate)
    while (await listed(doors.here, key, "porter", **since))["tasks"][0]["status"]["state"] != "TASK_STATE_COMPLETED":
        pass
    whole = await listed(doors.here, key, "porter", includeArtifacts=True, historyLength=0, **since)
    assert whole["tasks"][0]["artifacts"][0]["parts"][0]["text"] == "released"
    assert "history" not in whole["tasks"][0]


@pytest.mark.requirement("tasks.listed", "tasks.page_token")
@pytest.mark.cells("tasks.listed")
async def test_a_list_is_read_page_by_page_by_its_caller_alone(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    gate, since = unique("page"), {"statusTimestampAfter": now()}
    made = await begin(doors, key, gate)
    mesh.stage.open(gate)
    other = mesh.caller()
    assert ids(await listed(doors.here, other, **since)) == []
    found: list[str] = []
    token = ""
    for door in (*doors, *doors):
        page = await listed(door, key, pageSize=1, **since, **({"pageToken": token} if token else {}))
        token = page.get("nextPageToken", "")
        assert (page["pageSize"], page["totalSize"], bool(token)) == (1, 4, len(found) < 3)
        found += ids(page)
        for who, params in ((other, since), (key, {**since, "contextId": "trip"}), (key, {})):
            if token:
                refused = await refusal(door, "ListTasks", {"pageToken": token, **params}, key=who)
                assert (refused.means("INVALID_PARAMS"), refused.fields) == (True, ["pageToken"])
    assert found == list(reversed(made))


@pytest.mark.requirement("tasks.listed")
async def test_what_a_list_cannot_be_asked_for_is_named(doors: Doors, key: str) -> None:
    # In protobuf a size of 0 is one that was left out.
    sizes = (-1 if doors.here.binding == "GRPC" else 0, 101)
    for field, value in (*(("pageSize", size) for size in sizes), ("pageToken", "made-up"), ("historyLength", -1)):
        found = await refusal(doors.here, "ListTasks", {field: value}, key=key)
        assert (found.means("INVALID_PARAMS"), found.fields) == (True, [field])
    assert (await refusal(doors.here, "ListTasks", {}, "nobody", key=key)).means("NO_ROUTE")


@pytest.mark.requirement("tasks.listed")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_task_of_every_kind_of_agent_is_listed_under_the_id_it_was_given(
    doors: Doors, key: str, agent: str
) -> None:
    asked = {"statusTimestampAfter": now(), "status": "TASK_STATE_INPUT_REQUIRED"}
    made = (await doors.here.ask("SendMessage", saying({"do": "ask"}), agent, key=key)).task
    (task,) = (await listed(doors.there, key, agent, **asked))["tasks"]
    assert (task["id"], task["contextId"]) == (made["id"], made["contextId"])
