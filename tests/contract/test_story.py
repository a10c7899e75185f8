"""One story, told by a caller of each kind to an agent of each kind: two versions of A2A, and their bindings.

Neither end is ours: callers are raw bytes and a2a-sdk's conversion, agents are a2a-sdk's own servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from tests.contract.conftest import KINDS, Doors
from tests.contract.doors import Door, soon, text_of
from tests.contract.mesh import Binding, Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")
Tree = dict[str, Any]
PARTS: list[Tree] = [
    {"text": "t\u00e9xt", "metadata": {"k": [1, {"x": None}]}},
    {"raw": "AP8=", "mediaType": "image/png", "filename": "a.png"},
    {"url": "https://a.example/x", "mediaType": "text/html"},
    {"data": {"n": 1.5, "list": [True, "x"]}},
]
NEW_PARTS: list[Tree] = [{"text": "# t", "mediaType": "text/markdown", "filename": "t.md"}, {"data": [1, 2]}]
"""What 0.3 has no place for: the gateway keeps it on the way to an agent of 0.3, and back."""


async def told(events: AsyncGenerator[Tree]) -> list[Tree]:
    """All events of a stream."""
    async with aclosing(events):
        return [event async for event in events]


def states(events: list[Tree]) -> list[str]:
    """The states of a task that events tell, each once."""
    found: list[str] = []
    for event in events:
        content: Tree = event.get("task") or event.get("statusUpdate") or {}
        state = str(content.get("status", {}).get("state", "")).removeprefix("TASK_STATE_")
        if state and (not found or found[-1] != state):
            found.append(state)
    return found


async def stored(door: Door, task: str, state: str, key: str) -> Tree:
    """The task, once it is in a state."""

    async def reached() -> Tree:
        tree = (await door.ask("GetTask", {"id": task}, key=key)).tree
        return tree if tree["status"]["state"] == f"TASK_STATE_{state}" else {}

    return await soon(reached)


@pytest.mark.requirement("door.all_pairs")
@pytest.mark.cells("door.all_pairs", gateways="one")
@pytest.mark.parametrize("agent", KINDS)
async def test_the_story(mesh: Mesh, doors: Doors, agent: Binding, unique: Any) -> None:
    door, key = doors.here, mesh.caller()
    name = unique("teller")
    await mesh.join(name, binding=agent)
    await mesh.known(name)

    # 1. A question is answered with a task.
    answer = await door.ask("SendMessage", saying({"do": "echo", "text": "\u00fcmlaut"}), name, key=key)
    assert (answer.task["status"]["state"], answer.heard["text"]) == ("TASK_STATE_COMPLETED", "\u00fcmlaut")
    done = answer.task["id"]
    assert (answer.task["contextId"], "~" in done) == (answer.tree["task"]["contextId"], True)

    # 2. Or with a message.
    said = (await door.ask("SendMessage", saying({"do": "message"}), name, key=key)).tree["message"]
    assert (said["parts"], said["role"]) == ([{"text": "no task"}], "ROLE_AGENT")

    # 3. Parts of every kind arrive and come back as they were.
    parts = [*PARTS, *(NEW_PARTS if door.version == "1.0" else [])]
    sent = saying({"do": "mirror"})
    sent["message"]["parts"] += parts
    mirrored = (await door.ask("SendMessage", sent, name, key=key)).task
    assert mirrored["artifacts"][-1]["parts"] == parts

    # 4. A stream tells the task, its pieces in their order, and its end.
    events = await told(door.stream("SendStreamingMessage", saying({"do": "count", "to": 3}), name, key=key))
    pieces = [each["artifactUpdate"]["artifact"] for each in events if "artifactUpdate" in each]
    assert "".join(part["text"] for piece in pieces for part in piece["parts"]) == "012counted"
    assert (states(events)[-1], "task" in events[0]) == ("COMPLETED", True)

    # 5. The task can be read, with as much of its history as is asked for.
    read = (await door.ask("GetTask", {"id": done}, key=key)).tree
    assert (read["id"], text_of(read)) == (done, answer.text)
    assert [message["taskId"] for message in read["history"]] == [done] * len(read["history"])
    one = (await door.ask("GetTask", {"id": done, "historyLength": 1}, key=key)).tree
    assert len(one["history"]) == 1

    # 6. A task asks back, and goes on with the answer.
    asked = (await door.ask("SendMessage", saying({"do": "ask"}), name, key=key)).task
    assert asked["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    names = {"taskId": asked["id"], "contextId": asked["contextId"]}
    turn = await door.ask("SendMessage", saying({"do": "echo", "text": "both"}, **names), name, key=key)
    assert (turn.task["id"], turn.heard["text"]) == (asked["id"], "both")

    # 7. Who does not want to wait gets the task at once, and reads it later.
    gate = unique("at-once")
    soon_told = {**saying({"do": "hold", "key": gate}), "configuration": {"returnImmediately": True}}
    begun = (await door.ask("SendMessage", soon_told, name, key=key)).task
    assert begun["status"]["state"] in ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING")
    await mesh.stage.reached(gate)

    # 8. Somebody else watches it to its end.
    watched = asyncio.ensure_future(told(door.stream("SubscribeToTask", {"id": begun["id"]}, key=key)))
    await asyncio.sleep(0.1)
    mesh.stage.open(gate)
    assert states(await watched)[-1] == "COMPLETED"
    assert text_of(await stored(door, begun["id"], "COMPLETED", key)) == "released"

    # 9. A task is cancelled.
    gate = unique("cancelled")
    held = {**saying({"do": "hold", "key": gate}), "configuration": {"returnImmediately": True}}
    begun = (await door.ask("SendMessage", held, name, key=key)).task
    await mesh.stage.reached(gate)
    ended = (await door.ask("CancelTask", {"id": begun["id"]}, key=key)).tree
    assert (ended["id"], ended["status"]["state"]) == (begun["id"], "TASK_STATE_CANCELED")

    # 10. What has ended cannot be cancelled.
    assert (await refusal(door, "CancelTask", {"id": done}, key=key)).means("TASK_NOT_CANCELABLE")

    # 11. And takes no message.
    late = saying({"do": "echo"}, taskId=done)
    found = await refusal(door, "SendMessage", late, name, key=key)
    assert found.reason in ("UNSUPPORTED_OPERATION", "INVALID_PARAMS")

    # 12. A task that there is not, is not found.
    assert (await refusal(door, "GetTask", {"id": f"{done}x"}, key=key)).means("TASK_NOT_FOUND")
