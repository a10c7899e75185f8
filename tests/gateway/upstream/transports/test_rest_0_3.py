"""HTTP+JSON of A2A 0.3 to agents: a stock server answers; statuses that say what was made are answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from meshgate.a2a.bindings.http_json.rest_0_3 import BINDING
from meshgate.a2a.errors import (
    AgentError,
    InvalidAgentResponse,
    MeshError,
    TaskNotCancelable,
    TaskNotFound,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.upstream.transports.http import HttpTransport, make_client
from meshgate.registry.model import Endpoint
from tests.gateway.upstream.transports.agents import Agents
from tests.gateway.upstream.transports.test_http import answering, serving
from tests.support import foreign

TASK = json.dumps({"id": "task-1", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}).encode()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(BINDING, make_client(DEFAULTS), DEFAULTS, asyncio.get_running_loop().time)
    yield made
    await made.aclose()


def started(agents: Agents, url: str) -> str:
    return agents.start(Endpoint("HTTP+JSON", url, "0.3"))


@pytest.mark.requirement("legacy.rest")
async def test_a_stock_server_answers(transport: HttpTransport) -> None:
    agents, agent = Agents(), foreign.ScriptedAgent(foreign.task())
    async with serving(foreign.rest_app(agent)) as url:
        name = started(agents, url)
        reply = await transport.send(agents.call(name))
        assert (await reply.answer()).view().id == "task-1"
        reply = await transport.send(agents.call(name, "SubscribeToTask"))
        assert [event.view().task.id async for event in reply] == ["task-1"]


@pytest.mark.parametrize(
    ("said", "kind"), [(TaskNotFoundError, TaskNotFound), (TaskNotCancelableError, TaskNotCancelable)]
)
@pytest.mark.requirement("legacy.rest_errors")
async def test_a_stock_servers_error_is_the_error_it_is(
    transport: HttpTransport, said: type[Exception], kind: type[MeshError]
) -> None:
    agents = Agents()
    async with serving(foreign.rest_app(foreign.ScriptedAgent(error=said("gone")))) as url:
        name = started(agents, url)
        with pytest.raises(kind, match="gone") as caught:
            await transport.send(agents.call(name))
        assert caught.value.endpoint == name


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.requirement("legacy.rest")
async def test_a_status_that_says_what_was_made_is_an_answers(transport: HttpTransport, status: int) -> None:
    # As JavaScript's servers answer.
    agents = Agents()
    async with serving(answering(status, TASK)) as url:
        reply = await transport.send(agents.call(started(agents, url)))
        assert (await reply.answer()).view().id == "task-1"


@pytest.mark.parametrize(
    ("status", "body", "media", "kind"),
    [
        (404, {"code": -32001, "message": "gone"}, "application/json", TaskNotFound),
        # A body that names its error says more than a status that something in between could have made.
        (502, {"type": "TaskNotFoundError", "message": "gone"}, "application/json", TaskNotFound),
        (503, {"message": "gone"}, "application/json", UpstreamUnavailable),
        (409, {"message": "gone"}, "application/json", TaskNotCancelable),
        (422, {"title": "gone"}, "application/problem+json", AgentError),
        (204, {}, "application/json", InvalidAgentResponse),
        (401, {"type": "TaskNotFoundError", "message": "gone"}, "application/json", UpstreamUnavailable),
    ],
)
@pytest.mark.requirement("legacy.rest_errors")
async def test_what_an_error_answer_means(
    transport: HttpTransport, status: int, body: Any, media: str, kind: type[MeshError]
) -> None:
    agents = Agents()
    async with serving(answering(status, json.dumps(body).encode() if status != 204 else b"", media)) as url:
        with pytest.raises(MeshError) as caught:
            await transport.send(agents.call(started(agents, url)))
    assert type(caught.value) is kind


@pytest.mark.requirement("legacy.rest")
async def test_an_agent_is_called_below_v1_without_a_version(transport: HttpTransport) -> None:
    seen: list[tuple[str, str, list[bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["method"], scope["raw_path"].decode(), [name for name, _ in scope["headers"]]))
        await answering(200, TASK)(scope, receive, send)

    agents = Agents()
    async with serving(app) as url:
        await transport.send(agents.call(started(agents, url + "below/it/")))
    method, path, names = seen[0]
    assert (method, path) == ("GET", "/below/it/v1/tasks/task-1")
    assert b"a2a-version" not in names
