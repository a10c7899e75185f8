"""The client without a gateway, against servers of a2a-sdk: what is spoken, and what is refused with what remedy."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from a2a.helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCard
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from meshgate.a2a import errors
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import TaskState
from meshgate.net.server import HttpServer, bind
from meshgate.sdk import Budget, Mesh

KINDS = [("JSONRPC", "1.0"), ("HTTP+JSON", "1.0"), ("JSONRPC", "0.3"), ("HTTP+JSON", "0.3")]


class Echo(AgentExecutor):
    """Says back what it heard, in two parts of one artifact; the word "wait" leaves its task open."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        await event_queue.enqueue_event(new_task_from_user_message(message))
        updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
        said = message.parts[0].text
        await updater.start_work()
        if said == "wait":
            await updater.requires_input()
            return
        await updater.add_artifact([new_text_part(f"{said} to you")], artifact_id="a")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()


class Served:
    """An agent on a port: its URL, and the requests that came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.card: dict[str, Any] = {}

    def offer(self, *kinds: tuple[str, str], url: str = "") -> None:
        """Serve a card that lists these bindings and versions."""
        listed = [
            {"url": url or self.url, "protocolBinding": binding, "protocolVersion": version}
            for binding, version in kinds
        ]
        skill = {"id": "say", "name": "say", "description": "says it back", "tags": ["say"]}
        about = {"name": "echo", "description": "says it back", "version": "1.0.0", "skills": [skill]}
        modes = {"defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"]}
        self.card = {**about, **modes, "supportedInterfaces": listed, "capabilities": {"streaming": True}}


@asynccontextmanager
async def served(key: str = "", *kinds: tuple[str, str]) -> AsyncGenerator[Served]:
    sockets = bind("127.0.0.1", 0, "port")
    agent = Served(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/")
    agent.offer(*(kinds or KINDS))
    handler = DefaultRequestHandler(Echo(), InMemoryTaskStore(), json_format.ParseDict(agent.card, AgentCard()))

    async def card(_: Request) -> JSONResponse:
        return JSONResponse(agent.card)

    routes = [
        Route("/.well-known/agent-card.json", card),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
        *create_rest_routes(handler, enable_v0_3_compat=True),
    ]
    inner = Starlette(routes=routes)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        agent.seen.append((scope["method"], scope["path"], headers))
        if key and headers.get("authorization") != f"Bearer {key}":
            await JSONResponse({"error": "no"}, 401)(scope, receive, send)
            return
        await inner(scope, receive, send)

    server = HttpServer(app, sockets, DEFAULTS)
    await server.start()
    try:
        yield agent
    finally:
        await server.stop()


@pytest.mark.requirement("sdk.direct")
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
async def test_an_agent_is_called_streamed_and_asked_for_its_tasks_in_each_binding_and_version(
    kind: tuple[str, str],
) -> None:
    async with served("secret", kind) as agent, Mesh.direct(agent.url, "secret") as direct:
        result = await direct.call(text="hello", skill="say")
        assert (result.text, result.task and result.task.status.state) == ("hello to you", TaskState.COMPLETED)
        events = [event async for event in direct.stream(text="hi")]
        assert (events[-1].final, "".join(event.text for event in events if event.kind == "artifact")) == (
            True,
            "hi to you",
        )
        asked = await direct.call(text="wait")
        assert asked.task is not None
        assert asked.task.status.state is TaskState.INPUT_REQUIRED
        assert (await direct.task(asked.task.id)).id == asked.task.id
        assert (await direct.cancel(asked.task.id)).status.state is TaskState.CANCELED
        with pytest.raises(errors.TaskNotFound):
            await direct.task("no-such-task")
        assert [path for _, path, _ in agent.seen].count("/.well-known/agent-card.json") == 1
        versions = {headers.get("a2a-version") for method, _, headers in agent.seen if method == "POST"}
        assert versions == ({"1.0"} if kind[1] == "1.0" else {None})


@pytest.mark.requirement("sdk.direct")
@pytest.mark.parametrize(
    ("offered", "path"),
    [
        (KINDS[::-1], "/"),
        ([("HTTP+JSON", "0.3"), ("HTTP+JSON", "1.0")], "/message:send"),
        ([("JSONRPC", "0.3"), ("HTTP+JSON", "1.0")], "/message:send"),
        ([("GRPC", "1.0"), ("HTTP+JSON", "0.3")], "/v1/message:send"),
    ],
)
async def test_of_what_a_card_offers_1_0_goes_before_0_3_and_json_rpc_before_http_json(
    offered: list[tuple[str, str]], path: str
) -> None:
    async with served("", *offered) as agent, Mesh.direct(agent.url) as direct:
        assert (await direct.call(text="hello")).text == "hello to you"
        assert agent.seen[-1][:2] == ("POST", path)
        assert not [name for _, _, headers in agent.seen for name in headers if name == "authorization"]
        assert not [name for _, _, headers in agent.seen for name in headers if name.startswith("meshgate")]


@pytest.mark.requirement("sdk.direct")
async def test_an_agent_that_speaks_nothing_of_ours_is_told_with_what_it_speaks() -> None:
    async with served("", ("GRPC", "1.0")) as agent, Mesh.direct(agent.url) as direct:
        with pytest.raises(errors.UnsupportedOperation, match=r"speaks GRPC 1\.0; this client speaks JSONRPC 1\.0"):
            await direct.call(text="hello")


@pytest.mark.requirement("sdk.direct_key")
async def test_a_key_is_shown_to_the_origin_of_the_url_alone() -> None:
    async with served() as other, served() as agent, Mesh.direct(agent.url, "secret") as direct:
        agent.offer(("JSONRPC", "1.0"), url=other.url)
        with pytest.raises(errors.InvalidParams, match="the key is not sent there"):
            await direct.call(text="hello")
        assert other.seen == []
        async with Mesh.direct(agent.url) as keyless:
            assert (await keyless.call(text="hello")).text == "hello to you"


@pytest.mark.requirement("sdk.direct_key")
@pytest.mark.parametrize("key", ["", "wrong"])
async def test_an_agent_that_wants_another_key_says_so(key: str) -> None:
    async with served("secret") as agent, Mesh.direct(agent.url, key) as direct:
        with pytest.raises(errors.Unauthenticated, match="give key="):
            await direct.call(text="hello")


@pytest.mark.requirement("sdk.direct")
async def test_what_only_a_gateway_can_do_is_refused_before_anything_is_sent() -> None:
    async with served() as agent, Mesh.direct(agent.url) as direct:
        with pytest.raises(errors.InvalidParams, match="leave the selector out"):
            await direct.call("echo", text="hello")
        with pytest.raises(errors.InvalidParams, match="only a gateway heeds budget"):
            await direct.call(text="hello", budget=Budget(calls=2))
        with pytest.raises(errors.InvalidParams, match="only a gateway heeds schema_version"):
            await direct.call(text="hello", schema_version="1.0.0")
        assert agent.seen == []


@pytest.mark.requirement("sdk.direct")
async def test_what_is_no_agent_is_told_with_the_remedy() -> None:
    with pytest.raises(errors.InvalidParams, match="is no URL"):
        Mesh.direct("localhost:9000")
    transport = httpx.MockTransport(lambda request: httpx.Response(404))
    with pytest.raises(errors.UpstreamUnavailable, match="no agent card"):
        await Mesh.direct("http://agent.test", transport=transport).call(text="hello")
    large = httpx.MockTransport(lambda request: httpx.Response(200, content=b"{" + b" " * 1024 * 1024))
    with pytest.raises(errors.InvalidAgentResponse, match="more than 1048576 bytes"):
        await Mesh.direct("http://agent.test", transport=large).call(text="hello")
    free = bind("127.0.0.1", 0, "port")
    url = f"http://127.0.0.1:{free[0].getsockname()[1]}"
    for one in free:
        one.close()
    async with Mesh.direct(url) as direct:
        with pytest.raises(errors.UpstreamUnavailable, match="is the agent running"):
            await direct.call(text="hello")
