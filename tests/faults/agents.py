"""Agents on raw ASGI that misbehave on purpose, served in this process, so that what reaches them is known exactly."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import uvicorn

from tests.faults.load import Caller
from tests.faults.processes import GatewayUnderTest, eventually

__all__ = ["Arrived", "Behaviour", "FaultAgent", "Stage", "answer_text", "caller_left", "open_stage"]
__all__ += ["respond", "unavailable"]


class Arrived:
    """One request as it reached an agent."""

    def __init__(self, scope: Any, body: bytes) -> None:
        self.at = time.monotonic()
        self.headers: list[tuple[str, str]] = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        self.body = body
        self.tree: Any = json.loads(body) if body else {}

    @property
    def method(self) -> str:
        """Of JSON-RPC."""
        return str(self.tree.get("method", ""))

    def header(self, name: str) -> str:
        """The value of a header, or ""."""
        return next((value for key, value in self.headers if key == name), "")


Behaviour = Callable[["FaultAgent", Arrived, Any, Any], Awaitable[None]]
"""What an agent does with a request: (agent, request, ASGI receive, ASGI send)."""


class Listed(Protocol):
    """What is said of an instance when it is registered."""

    name: str
    instance: str


class FaultAgent:
    """One registered instance.

    Attributes:
        behave: what it does now.
        arrived: the requests that reached it.
        health: awaited, with ASGI's receive, before it answers for its health.
    """

    def __init__(self, name: str, instance: str, behave: Behaviour) -> None:
        self.name, self.instance, self.behave = name, instance, behave
        self.arrived: list[Arrived] = []
        self.call_key = ""
        self.open = 0
        self.health: Callable[[Any], Awaitable[None]] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request (ASGI 3)."""
        if scope["method"] != "POST":
            if self.health is not None:
                await self.health(receive)
            await respond(send, {"name": self.name, "version": "1.0.0", "description": "x", "skills": []})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        arrived = Arrived(scope, body)
        self.arrived.append(arrived)
        self.open += 1
        try:
            await self.behave(self, arrived, receive, send)
        finally:
            self.open -= 1


async def respond(send: Any, tree: Any, status: int = 200) -> None:
    """Answer with JSON."""
    body = json.dumps(tree).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_text(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
    """Behave well: a task that is done, whatever is asked."""
    task = {"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}}
    result = task if request.method == "GetTask" else {"task": task}
    await respond(send, {"jsonrpc": "2.0", "id": request.tree.get("id"), "result": result})


async def unavailable(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
    """Answer 503."""
    await respond(send, {"error": "busy"}, 503)


async def caller_left(receive: Any) -> None:
    """Return once the caller has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Stage:
    """A gateway on a registry of its own, and the agents that stand behind it."""

    def __init__(self, gateway: GatewayUnderTest, session: aiohttp.ClientSession) -> None:
        self.gateway, self.session = gateway, session
        self.caller = Caller(session, gateway.url, lambda: gateway.ran.client_key)
        self.agents: dict[str, FaultAgent] = {}
        self.apps: dict[str, Any] = {}
        """ASGI apps of other agents, by instance."""
        self.url = ""

    async def route(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI app of all agents: the first part of the path is the instance."""
        instance = scope["path"].removeprefix("/").partition("/")[0]
        await (self.agents.get(instance) or self.apps[instance])(scope, receive, send)

    async def join(self, name: str, behave: Behaviour = answer_text, instances: int = 1) -> list[FaultAgent]:
        """Register instances of an agent, as an operator would, and wait until the gateway lists them."""
        made = [FaultAgent(name, f"{name}-{number}", behave) for number in range(1, instances + 1)]
        await asyncio.gather(*(self._register(agent) for agent in made))
        wanted = {agent.instance for agent in made}

        async def listed() -> bool:
            return wanted <= await self.gateway.instances(name)

        await eventually(listed)
        return made

    async def _register(self, agent: FaultAgent) -> None:
        self.agents[agent.instance] = agent
        agent.call_key = await self.list(agent, "JSONRPC", f"{self.url}/{agent.instance}/")

    async def list(self, agent: Listed, binding: str, url: str) -> str:
        """Register an instance that listens somewhere; its call key."""
        run = self.gateway.ran
        card = {
            "name": agent.name,
            "version": "1.0.0",
            "description": "made to fail",
            "skills": [{"id": agent.name, "name": agent.name, "description": "x", "tags": ["x"]}],
        }
        registration = {
            "instanceId": agent.instance,
            "agent": agent.name,
            "lasting": True,
            "endpoints": [{"binding": binding, "url": url, "protocolVersion": "1.0"}],
            "manifest": {
                "agent": agent.name,
                "version": "1.0.0",
                "capabilities": [{"skill": agent.name, "version": "1.0.0"}],
                "sharedTasks": True,
                "foreign": True,
                "cardJson": json.dumps(card),
            },
        }
        url = f"{run.join}/meshgate.v1.RegistryService/Register"
        headers = {"authorization": f"Bearer {run.join_key}"}
        async with self.session.post(url, json={"registration": registration}, headers=headers) as response:
            answer = await response.json()
            if response.status != 200:
                raise RuntimeError(f"registration refused: {answer}")
            return str(answer["callKey"])

    def caller_of(self, agent: FaultAgent) -> Caller:
        """Calls that an agent makes, under its own key."""
        return Caller(self.session, self.gateway.url, lambda: agent.call_key)


@asynccontextmanager
async def open_stage(gateway: GatewayUnderTest, session: aiohttp.ClientSession) -> AsyncGenerator[Stage]:
    """A gateway that runs, and a server for its agents."""
    stage = Stage(gateway, session)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        stage.route, interface="asgi3", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    # Signals are this program's affair, not the server's: _serve leaves them alone.
    serving = asyncio.ensure_future(server._serve([listening]))  # pyright: ignore[reportPrivateUsage]
    stage.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        await gateway.start()
        yield stage
    finally:
        await gateway.stop()
        server.should_exit = True
        await serving
