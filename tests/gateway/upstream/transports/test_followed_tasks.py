"""Subscriptions at agents of A2A 0.3: what an agent leaves out is read by GetTask. The agent's bytes are literal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshgate.a2a.bindings.jsonrpc_0_3 import BINDING
from meshgate.a2a.errors import MeshError, TaskNotFound, UnsupportedOperation, UpstreamDeadline
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.upstream.send import Outbound
from meshgate.gateway.upstream.transports.followed_tasks import FollowedTasks
from meshgate.gateway.upstream.transports.http import HttpTransport, make_client
from meshgate.net.server import HttpServer, bind_one
from meshgate.registry.model import Endpoint
from tests.gateway.upstream.transports.agents import Agents

Tree = dict[str, Any]
GET, SUBSCRIBE = "tasks/get", "tasks/resubscribe"
GONE: Tree = {"error": {"code": -32001, "message": "gone"}}


def task(state: str) -> Tree:
    return {"result": {"id": "task-1", "contextId": "c", "kind": "task", "status": {"state": state}}}


def update(state: str) -> Tree:
    told = {"kind": "status-update", "taskId": "task-1", "contextId": "c", "final": False, "status": {"state": state}}
    return {"result": told}


class Agent:
    """Answers GetTask with one after the other, and a subscription with these events.

    With ``hangs`` a subscription goes on and tells nothing more.
    """

    def __init__(self, *tasks: Tree, events: tuple[Tree, ...] = (), hangs: bool = False) -> None:
        self._tasks, self._events, self._hangs = list(tasks), events, hangs
        self.asked = list[str]()
        self.subscribed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = json.loads((await receive())["body"])
        self.asked.append(request["method"])
        streams = request["method"] == SUBSCRIBE
        answers = self._events if streams else (self._tasks.pop(0),)
        lines = [json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}) for answer in answers]
        body = "".join(f"data: {line}\n\n" for line in lines) if streams else lines[0]
        media = b"text/event-stream" if streams else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media)]})
        await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
        if streams:
            self.subscribed.set()
            if self._hangs:
                await receive()
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def calling(agent: Agent, method: str) -> AsyncGenerator[tuple[FollowedTasks, Outbound], None]:
    """A wire to the agent, and a call that it can send."""
    server = HttpServer(agent, [bind_one("127.0.0.1", 0, "port")], DEFAULTS)
    await server.start()
    wire = FollowedTasks(HttpTransport(BINDING, make_client(DEFAULTS), DEFAULTS, asyncio.get_running_loop().time))
    agents = Agents()
    try:
        url = f"http://127.0.0.1:{server.port}/"
        yield wire, agents.call(agents.start(Endpoint("JSONRPC", url, version="0.3")), method)
    finally:
        await wire.aclose()
        await server.stop()


async def heard(agent: Agent, method: str = "SubscribeToTask") -> list[tuple[str, str]]:
    """The kind and the state of each event that a caller gets."""
    async with calling(agent, method) as (wire, out):
        reply = await wire.send(out)
        trees = [event.tree() async for event in reply]
    return [(kind, content["status"]["state"]) for tree in trees for kind, content in tree.items()]


WORKING = ("task", "TASK_STATE_WORKING")


@pytest.mark.parametrize(
    ("agent", "events", "asked"),
    [
        (
            Agent(task("working"), events=(update("working"), update("completed"))),
            [WORKING, ("statusUpdate", "TASK_STATE_WORKING"), ("statusUpdate", "TASK_STATE_COMPLETED")],
            [GET, SUBSCRIBE],
        ),
        # It begins with the task by itself, as 1.0 wants it.
        (
            Agent(task("working"), events=(task("working"), update("input-required"))),
            [WORKING, ("statusUpdate", "TASK_STATE_INPUT_REQUIRED")],
            [GET, SUBSCRIBE],
        ),
        # It went on between the two.
        (
            Agent(task("working"), events=(task("completed"),)),
            [WORKING, ("task", "TASK_STATE_COMPLETED")],
            [GET, SUBSCRIBE],
        ),
        # It ends without a word how.
        (
            Agent(task("working"), task("canceled"), events=(update("working"),)),
            [WORKING, ("statusUpdate", "TASK_STATE_WORKING"), ("statusUpdate", "TASK_STATE_CANCELED")],
            [GET, SUBSCRIBE, GET],
        ),
        (
            Agent(task("working"), task("canceled")),
            [WORKING, ("statusUpdate", "TASK_STATE_CANCELED")],
            [GET, SUBSCRIBE, GET],
        ),
        # It is refused, because the task has ended since it was read.
        (
            Agent(task("working"), task("completed"), events=(GONE,)),
            [WORKING, ("statusUpdate", "TASK_STATE_COMPLETED")],
            [GET, SUBSCRIBE, GET],
        ),
        # It ends, and the task goes on: what reads the stream says so.
        (
            Agent(task("working"), task("working"), events=(update("working"),)),
            [WORKING, ("statusUpdate", "TASK_STATE_WORKING")],
            [GET, SUBSCRIBE, GET],
        ),
    ],
    ids=["new alone", "task first", "went on", "cut", "silent", "late", "goes on"],
)
async def test_a_subscription_begins_with_the_task_and_tells_its_end(
    agent: Agent, events: list[tuple[str, str]], asked: list[str]
) -> None:
    assert await heard(agent) == events
    assert agent.asked == asked


@pytest.mark.requirement("legacy.snapshot")
async def test_the_end_of_a_task_without_a_context_is_told_too() -> None:
    bare = [
        {"result": {"id": "task-1", "kind": "task", "status": {"state": state}}} for state in ("working", "completed")
    ]
    async with calling(Agent(*bare), "SubscribeToTask") as (wire, out):
        events = [event.tree() async for event in await wire.send(out)]
    assert [next(iter(event)) for event in events] == ["task", "statusUpdate"]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


async def test_the_task_is_known_before_the_agent_says_anything() -> None:
    agent = Agent(task("working"), hangs=True)
    async with calling(agent, "SubscribeToTask") as (wire, out):
        reply = await wire.send(out)
        assert "task" in (await anext(reply)).tree()
        await reply.aclose()


@pytest.mark.parametrize(
    ("agent", "error"),
    [
        (Agent(task("completed")), UnsupportedOperation),
        (Agent(GONE), TaskNotFound),
        (Agent(task("working"), task("working"), events=(GONE,)), TaskNotFound),
    ],
    ids=["ended", "unknown", "refused"],
)
async def test_what_cannot_be_followed_is_an_error(agent: Agent, error: type[MeshError]) -> None:
    with pytest.raises(error):
        await heard(agent)


async def test_an_attempt_that_is_ended_asks_the_agent_nothing_more() -> None:
    agent = Agent(task("working"), hangs=True)
    async with calling(agent, "SubscribeToTask") as (wire, out):
        reply = await wire.send(out)
        await anext(reply)
        waiting = asyncio.ensure_future(anext(reply))
        await agent.subscribed.wait()
        out.attempt.abort(UpstreamDeadline())
        with pytest.raises(UpstreamDeadline):
            await waiting
    assert agent.asked == [GET, SUBSCRIBE]


async def test_other_calls_are_sent_as_they_are() -> None:
    agent = Agent(task("completed"))
    async with calling(agent, "GetTask") as (wire, out):
        assert (await (await wire.send(out)).answer()).tree()["status"]["state"] == "TASK_STATE_COMPLETED"
    assert agent.asked == [GET]
