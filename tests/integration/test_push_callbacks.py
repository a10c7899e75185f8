"""An agent that sends push notifications itself, a2a-sdk's server: it calls the gateway, which calls its callers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.server import HttpServer, bind
from meshgate.registry.home import Run
from tests.contract.doors import RpcDoor, soon
from tests.contract.foreign import ForeignAgent
from tests.contract.legacy import LegacyRpcDoor
from tests.contract.scripts import Stage, saying
from tests.contract.test_push import Receiver
from tests.support.whole import whole_gateway

pytestmark = pytest.mark.integration
Tree = dict[str, Any]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Scene(NamedTuple):
    """A gateway with an agent that calls back, and a receiver of notifications."""

    run: Run
    stage: Stage
    receiver: Receiver
    seen: list[str]
    """The paths of requests to the gateway's port for callbacks."""


@asynccontextmanager
async def scene(folder: Path) -> AsyncGenerator[Scene]:
    port, stage, receiver = free_port(), Stage(), Receiver()
    hooks = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{hooks.sockets[0].getsockname()[1]}"
    settings: Tree = {"port": port, "base_url": f"http://127.0.0.1:{port}", "push_networks": ["127.0.0.0/8"]}
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        if request.url.path.startswith("/callbacks/"):
            seen.append(request.url.path)

    async with (
        httpx.AsyncClient(trust_env=False, event_hooks={"request": [note]}) as client,
        whole_gateway(folder, **settings) as (run, _),
    ):
        agent = ForeignAgent("caller-back", "caller-back-1", stage, client, push=True)
        server = HttpServer(agent.app, bind("127.0.0.1", 0, ""), DEFAULTS)
        await server.start()
        try:
            await register(client, run, agent, f"http://127.0.0.1:{server.port}/")
            yield Scene(run, stage, receiver, seen)
        finally:
            stage.open_all()
            await server.stop()
            hooks.close()


async def register(client: httpx.AsyncClient, run: Run, agent: ForeignAgent, url: str) -> None:
    card = {
        "name": agent.name,
        "version": "1.0.0",
        "description": "calls back",
        "capabilities": {"streaming": False, "pushNotifications": True},
        "skills": [{"id": "act", "name": "act", "description": "acts", "tags": ["t"]}],
    }
    registration = {
        "instanceId": agent.instance,
        "agent": agent.name,
        "endpoints": [{"binding": "JSONRPC", "url": url, "protocolVersion": "1.0"}],
        "lasting": True,
        "manifest": {
            "agent": agent.name,
            "version": "1.0.0",
            "capabilities": [{"skill": "act", "version": "1.0.0"}],
            "foreign": True,
            "cardJson": json.dumps(card),
        },
    }
    response = await client.post(
        f"{run.join}/meshgate.v1.RegistryService/Register",
        json={"registration": registration},
        headers={"authorization": f"Bearer {run.join_key}"},
    )
    response.raise_for_status()


def states(receiver: Receiver, path: str) -> list[str]:
    """The states that were notified; 0.3 writes its own."""
    bodies = [body for _, body in receiver.got.get(path, ())]
    return [(body.get("task") or body.get("statusUpdate") or body)["status"]["state"] for body in bodies]


@pytest.mark.requirement("push.callbacks")
async def test_an_agent_that_sends_notifications_is_given_the_gateways_address(tmp_path: Path) -> None:
    async with scene(tmp_path) as (run, stage, receiver, seen):
        door = RpcDoor(run.gateway, "", None)
        async with httpx.AsyncClient() as client:
            card = (await client.get(f"{run.gateway}/agents/caller-back", headers=key(run))).json()
        assert card["capabilities"]["pushNotifications"] is True
        wishes = {"taskPushNotificationConfig": {"url": receiver.url + "/inline"}, "returnImmediately": True}
        said = {**saying({"do": "hold", "key": "gate"}), "configuration": wishes}

        async def begin() -> Any:
            return (await door.ask("SendMessage", said, "caller-back", key=run.client_key)).task

        task = await soon(begin)
        later = {"taskId": task["id"], "url": receiver.url + "/later", "id": "later"}
        await door.ask("CreateTaskPushNotificationConfig", later, key=run.client_key)
        old = LegacyRpcDoor(run.gateway, "", None)
        await old.ask(
            "CreateTaskPushNotificationConfig", {**later, "url": receiver.url + "/old", "id": "old"}, key=run.client_key
        )
        stage.open("gate")

        async def ended() -> bool:
            return all(states(receiver, path)[-1:] == [end] for path, end in ENDS.items())

        await soon(ended)
        # One registration serves all three: the agent knows one address, which is the gateway's, and no caller's.
        assert len(set(seen)) == 1
        await door.aclose()
        await old.aclose()


ENDS = {"/inline": "TASK_STATE_COMPLETED", "/later": "TASK_STATE_COMPLETED", "/old": "completed"}


@pytest.mark.requirement("push.callbacks")
async def test_what_nobody_waits_for_is_dropped_and_counted(tmp_path: Path) -> None:
    async with scene(tmp_path) as (run, stage, receiver, seen), httpx.AsyncClient() as client:
        door = RpcDoor(run.gateway, "", None)
        wishes = {"taskPushNotificationConfig": {"url": receiver.url + "/hook"}, "returnImmediately": True}
        said = {**saying({"do": "hold", "key": "gate"}), "configuration": wishes}

        async def begin() -> Any:
            return (await door.ask("SendMessage", said, "caller-back", key=run.client_key)).task

        await soon(begin)
        stage.open("gate")

        async def called() -> bool:
            return bool(seen)

        await soon(called)
        other = {"statusUpdate": {"taskId": "another", "status": {"state": "TASK_STATE_FAILED"}}}
        genuine = f"{run.gateway}{seen[0]}"
        for url, body, status in (
            (genuine, other, 404),
            (genuine[:-1] + ("A" if genuine[-1] != "A" else "B"), other, 404),
            (f"{run.gateway}/callbacks/x.y.z", other, 404),
            (genuine, {"no": "task"}, 404),
        ):
            assert (await client.post(url, json=body)).status_code == status
        assert (await client.post(genuine, content=b"{")).status_code == 400
        assert (await client.get(genuine)).status_code == 404
        text = (await client.get(f"{run.admin}/metrics", headers=key(run, run.admin_key))).text
        for what, count in (("dropped", 2), ("unreadable", 1)):
            assert re.search(rf'meshgate_push_callbacks_total{{[^}}]*what="{what}"[^}}]*}} {count}\.0', text)
        await door.aclose()


def key(run: Run, found: str = "") -> dict[str, str]:
    """The header that shows a key."""
    return {"authorization": f"Bearer {found or run.client_key}"}
