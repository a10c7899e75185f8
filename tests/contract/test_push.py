"""Push notifications: a caller says where a task's events go, and the gateway sends them, whatever the agent can."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from a2a.compat.v0_3 import types as stock
from a2a.types import a2a_pb2
from google.protobuf import json_format

from tests.contract.conftest import Doors
from tests.contract.doors import soon
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import AGENTS, refusal
from tests.contract.test_tasks import start

pytestmark = pytest.mark.asyncio(loop_scope="session")
Tree = dict[str, Any]
_CREATE, _GET = "CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig"
_LIST, _DELETE = "ListTaskPushNotificationConfigs", "DeleteTaskPushNotificationConfig"


class Receiver:
    """Receives notifications over plain HTTP, and keeps their heads and bodies, by the path."""

    def __init__(self) -> None:
        self.url = ""
        self.got: dict[str, list[tuple[dict[str, str], Tree]]] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.setdefault(first.split()[1], []).append((headers, json.loads(body)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receiver() -> AsyncGenerator[Receiver]:
    """A receiver that listens."""
    found = Receiver()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()


def config(receiver: Receiver, path: str, **more: Any) -> Tree:
    """A configuration of 1.0."""
    secret = {"scheme": "Bearer", "credentials": f"key of {path}"}
    return {"url": receiver.url + path, "token": f"token of {path}", "authentication": secret, **more}


def state_of(body: Tree, *, legacy: bool) -> str:
    """The state in a notification, as a2a-sdk reads it; "" if it tells none."""
    if legacy:
        return str(stock.Task.model_validate(body).status.state.value)
    event = json_format.ParseDict(body, a2a_pb2.StreamResponse())
    kind = event.WhichOneof("payload")
    return a2a_pb2.TaskState.Name(getattr(event, kind).status.state) if kind in ("task", "status_update") else ""


async def told(receiver: Receiver, path: str, *, legacy: bool) -> list[str]:
    """The states that were notified, once the last one is the end."""

    async def ended() -> list[str]:
        found = [state_of(body, legacy=legacy) for _, body in list(receiver.got.get(path, ()))]
        return found if found and found[-1].rpartition("_")[2].lower() == "completed" else []

    return await soon(ended)


@pytest.mark.requirement("push.sent")
@pytest.mark.cells("push.sent", agent=("JSONRPC", "GRPC", "sdk"))
@pytest.mark.parametrize("to", AGENTS)
async def test_what_a_message_asks_for_is_sent_to_the_end_of_its_task(
    mesh: Mesh, doors: Doors, key: str, unique: Any, receiver: Receiver, to: str
) -> None:
    legacy, path, gate = doors.here.version == "0.3", f"/{unique('inline')}", unique("gate")
    wishes = {"taskPushNotificationConfig": config(receiver, path), "returnImmediately": True}
    said = {**saying({"do": "hold", "key": gate}), "configuration": wishes}
    task = (await doors.here.ask("SendMessage", said, to, key=key)).task
    (kept,) = (await doors.there.ask(_LIST, {"taskId": task["id"]}, key=key)).tree["configs"]
    assert kept == config(receiver, path, taskId=task["id"], id=task["id"])

    async def begun() -> bool:
        return bool(receiver.got.get(path))

    await soon(begun)
    mesh.stage.open(gate)
    states = await told(receiver, path, legacy=legacy)
    working, completed = ("working", "completed") if legacy else ("TASK_STATE_WORKING", "TASK_STATE_COMPLETED")
    # Tasks may be submitted first; an event without a state is of an artifact.
    assert [state for state in dict.fromkeys(states) if state and not state.lower().endswith("submitted")] == [
        working,
        completed,
    ]
    for headers, body in receiver.got[path]:
        assert (headers["authorization"], headers["x-a2a-notification-token"], headers["content-type"]) == (
            f"Bearer key of {path}",
            f"token of {path}",
            "application/json",
        )
        event = body if legacy else next(iter(body.values()))
        assert task["id"] in (event.get("id"), event.get("taskId"))


@pytest.mark.requirement("push.kept")
@pytest.mark.cells("push.kept")
async def test_configurations_are_kept_listed_and_deleted_at_every_gateway(
    mesh: Mesh, doors: Doors, key: str, unique: Any, receiver: Receiver
) -> None:
    gate, legacy = unique("kept"), doors.here.version == "0.3"
    paths = [f"/{unique('one')}", f"/{unique('two')}"]
    task = await start(doors.here, {"do": "hold", "key": gate}, "clerk", key)
    made = [config(receiver, path, taskId=task, id=name) for path, name in zip(paths, ("one", "two"), strict=True)]
    for door, one in zip(doors, made, strict=True):
        assert (await door.ask(_CREATE, one, "clerk", key=key)).tree == one
    for door in doors:
        assert (await door.ask(_GET, {"taskId": task, "id": "two"}, key=key)).tree == made[1]
        found = (await door.ask(_LIST, {"taskId": task}, "clerk", key=key)).tree["configs"]
        assert sorted(found, key=lambda each: str(each["id"])) == made
    for _ in range(2):
        assert (await doors.there.ask(_DELETE, {"taskId": task, "id": "one"}, key=key)).tree == {}
    gone = await refusal(doors.here, _GET, {"taskId": task, "id": "one"}, key=key)
    assert gone.means("TASK_NOT_FOUND")
    other = mesh.caller()
    for method, params in ((_LIST, {}), (_GET, {"id": "two"}), (_DELETE, {"id": "two"}), (_CREATE, made[0])):
        refused = await refusal(doors.here, method, {**params, "taskId": task}, key=other)
        unknown = await refusal(doors.here, method, {**params, "taskId": f"{task}x"}, key=other)
        assert (refused.means("TASK_NOT_FOUND"), refused.raw) == (True, unknown.raw)
    assert len((await doors.here.ask(_LIST, {"taskId": task}, key=key)).tree["configs"]) == 1
    mesh.stage.open(gate)
    await told(receiver, paths[1], legacy=legacy)
    ends = [state_of(body, legacy=legacy) for _, body in receiver.got.get(paths[0], ())]
    assert not any(state.lower().endswith("completed") for state in ends)


@pytest.mark.requirement("push.guarded")
@pytest.mark.cells("push.guarded")
async def test_what_may_not_be_called_is_refused_with_its_field(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    gate = unique("guarded")
    task = await start(doors.here, {"do": "hold", "key": gate}, "clerk", key)
    told = set[str]()
    for url in ("https://[::1]/", "https://169.254.169.254/", "file:///etc/passwd", "https://u:p@127.0.0.1/"):
        for method, params in (
            (_CREATE, {"taskId": task, "url": url, "id": "p"}),
            ("SendMessage", {**saying({"do": "echo"}), "configuration": {"taskPushNotificationConfig": {"url": url}}}),
        ):
            found = await refusal(doors.here, method, params, "clerk", key=key)
            assert (found.means("INVALID_PARAMS"), found.fields) == (True, ["url"])
            told.add(found.message)
    assert len(told) == 1
    mesh.stage.open(gate)


@pytest.mark.requirement("push.bounded")
@pytest.mark.cells("push.bounded")
async def test_a_task_has_ten_configurations_at_most(
    mesh: Mesh, doors: Doors, key: str, unique: Any, receiver: Receiver
) -> None:
    gate = unique("ten")
    task = await start(doors.here, {"do": "hold", "key": gate}, "desk", key)
    for number in range(10):
        one = config(receiver, "/ten", taskId=task, id=f"p{number}")
        await doors[number % 2].ask(_CREATE, one, key=key)
    refused = await refusal(doors.here, _CREATE, config(receiver, "/ten", taskId=task, id="p10"), key=key)
    assert (refused.means("INVALID_PARAMS"), refused.fields) == (True, ["id"])
    again = config(receiver, "/twelve", taskId=task, id="p0")
    assert (await doors.there.ask(_CREATE, again, key=key)).tree["url"] == receiver.url + "/twelve"
    assert len((await doors.here.ask(_LIST, {"taskId": task}, key=key)).tree["configs"]) == 10
    mesh.stage.open(gate)
