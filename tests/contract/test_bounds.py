"""What callers and agents say is bounded, on every binding and at both ends."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import Refused
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal
from tests.contract.wild import task, update

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
Agent = Literal["JSONRPC", "HTTP+JSON", "GRPC"]

# -- ids

LONG, MULTIBYTE = "x" * 513, "\u00e9" * 257
FITS = "x" * 512


@pytest.mark.requirement("bounds.ids")
@pytest.mark.cells("bounds.ids", end="caller", agent=("JSONRPC", "HTTP+JSON", "GRPC"))
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messageId", LONG),
        ("messageId", MULTIBYTE),
        ("contextId", "x" * (512 + 255)),
        ("taskId", "x" * (512 + 255)),
        ("referenceTaskIds", ["x"] * 65),
        ("referenceTaskIds", ["x" * (512 + 255)]),
    ],
)
async def test_a_caller_whose_ids_are_too_long_or_too_many_is_told_the_field(
    mesh: Mesh, doors: Doors, key: str, field: str, value: Any
) -> None:
    call = saying({"do": "message"}, **{field: value})
    found = await refusal(doors.here, "SendMessage", call, "clerk", key=key)
    assert found.means("INVALID_PARAMS")
    assert found.fields == [f"message.{field}"]
    assert "must not be" in found.message
    assert len(found.raw) < 2000


@pytest.mark.requirement("bounds.ids")
@pytest.mark.cells("bounds.ids", end="caller", agent=("JSONRPC", "HTTP+JSON", "GRPC"))
@pytest.mark.parametrize("method", ["GetTask", "CancelTask"])
async def test_a_task_id_that_is_too_long_is_refused_in_every_operation(
    mesh: Mesh, doors: Doors, key: str, method: str
) -> None:
    found = await refusal(doors.here, method, {"id": "x" * (512 + 255)}, key=key)
    assert (found.means("INVALID_PARAMS"), found.fields) == (True, ["id"])


def event(field: str, value: str) -> list[dict[str, Any]]:
    message = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}]}
    artifact = {"artifactId": "a", "parts": [{"text": "x"}]}
    if field == "artifactId":
        return [task(artifacts=[{**artifact, "artifactId": value}])]
    if field == "taskId":
        return [task(value)]
    if field == "history":
        return [task(history=[{**message, "messageId": value}])]
    if field == "contextId":
        return [{"task": {"id": "t1", "contextId": value, "status": {"state": "TASK_STATE_COMPLETED"}}}]
    return [{"message": {**message, field: value}}]


@pytest.mark.requirement("bounds.ids")
@pytest.mark.cells("bounds.ids", end="agent")
@AGENTS
async def test_ids_of_an_agent_are_as_long_as_the_limit_and_no_longer(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    fields = ("messageId", "contextId", "taskId", "artifactId", "history")
    for field, value in zip(fields, (LONG, MULTIBYTE, LONG, MULTIBYTE, LONG), strict=True):
        wild.say(*event(field, FITS))
        assert (await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=key)).tree
        wild.say(*event(field, value))
        found = await refusal(doors.here, "SendMessage", saying({"do": "x"}), wild.name, key=key)
        assert (field, found.means("INVALID_AGENT_RESPONSE")) == (field, True)
        assert len(found.raw) < 2000


@pytest.mark.requirement("bounds.ids")
@pytest.mark.cells("bounds.ids", end="agent")
@AGENTS
async def test_the_longest_id_of_a_task_can_be_asked_for(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(FITS))
    answer = await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=key)
    found = await doors.there.ask("GetTask", {"id": answer.task["id"]}, key=key)
    assert found.tree["id"] == answer.task["id"]
    assert wild.params[-1]["id"] == FITS
    again = saying({"do": "x"}, taskId=answer.task["id"], referenceTaskIds=[answer.task["id"]] * 64)
    await doors.there.ask("SendMessage", again, wild.name, key=key)
    assert wild.params[-1]["message"]["referenceTaskIds"] == [FITS] * 64


@pytest.mark.requirement("bounds.ids")
@pytest.mark.cells("bounds.ids", end="agent")
@AGENTS
async def test_an_id_that_is_too_long_ends_a_stream(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), update("WORKING", LONG), update("COMPLETED"))
    with pytest.raises(Refused) as refused:
        async for _ in doors.here.stream("SendStreamingMessage", saying({"do": "x"}), wild.name, key=key):
            pass
    assert refused.value.means("INVALID_AGENT_RESPONSE")


# -- what is beyond a limit of the mesh's own


@pytest.mark.requirement("instance.limits")
@pytest.mark.cells("instance.limits")
@AGENTS
async def test_events_beyond_the_limit_end_their_streams_and_open_no_breaker(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    wild.say(task(state="WORKING"), update("WORKING", message=_message("x" * 1_100_000)), update("COMPLETED"))
    for _ in range(6):
        with pytest.raises(Refused) as refused:
            async for _ in doors.here.stream("SendStreamingMessage", saying({"do": "x"}), wild.name, key=key):
                pass
        assert refused.value.means("INVALID_AGENT_RESPONSE")
    wild.say(task())
    assert (await doors.here.ask("SendMessage", saying({"do": "x"}), wild.name, key=key)).task["id"]


def _message(text: str) -> dict[str, Any]:
    return {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": text}]}
