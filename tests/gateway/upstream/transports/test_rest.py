"""HTTP+JSON to agents: a stock server answers; an error's status is the binding's, if its body names a reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from a2a.utils.errors import InvalidAgentResponseError, TaskNotCancelableError, TaskNotFoundError

from meshgate.a2a.bindings.http_json.rest import BINDING
from meshgate.a2a.errors import (
    AgentError,
    InvalidAgentResponse,
    MeshError,
    RateLimited,
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

INFO = "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(BINDING, make_client(DEFAULTS), DEFAULTS, asyncio.get_running_loop().time)
    yield made
    await made.aclose()


async def test_a_stock_server_answers(transport: HttpTransport) -> None:
    agents, agent = Agents(), foreign.ScriptedAgent(foreign.task())
    async with serving(foreign.rest_app(agent)) as url:
        name = agents.start(Endpoint("HTTP+JSON", url))
        reply = await transport.send(agents.call(name))
        assert (await reply.answer()).view().id == "task-1"
        reply = await transport.send(agents.call(name, "SubscribeToTask"))
        assert [event.view().task.id async for event in reply] == ["task-1"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (TaskNotFoundError, TaskNotFound),
        (TaskNotCancelableError, TaskNotCancelable),
        (InvalidAgentResponseError, InvalidAgentResponse),
    ],
)
@pytest.mark.parametrize("method", ["GetTask", "SubscribeToTask"])
async def test_a_stock_servers_error_is_the_error_it_is(
    transport: HttpTransport, said: type[Exception], kind: type[MeshError], method: str
) -> None:
    agents = Agents()
    async with serving(foreign.rest_app(foreign.ScriptedAgent(error=said("gone")))) as url:
        name = agents.start(Endpoint("HTTP+JSON", url))
        with pytest.raises(kind, match="gone") as caught:
            await transport.send(agents.call(name, method))
        assert caught.value.endpoint == name


async def test_an_error_in_a_stream_of_a_stock_server_ends_it(transport: HttpTransport) -> None:
    agents, agent = Agents(), foreign.ScriptedAgent(foreign.task(), error=TaskNotFoundError("gone"))
    async with serving(foreign.rest_app(agent)) as url:
        reply = await transport.send(agents.call(agents.start(Endpoint("HTTP+JSON", url)), "SubscribeToTask"))
        with pytest.raises(TaskNotFound, match="gone"):
            async for _ in reply:
                pass


def fault(status: int, reason: str = "", domain: str = "a2a-protocol.org") -> bytes:
    details = [{"@type": INFO, "reason": reason, "domain": domain}] if reason else []
    return json.dumps({"error": {"code": status, "message": "what", "details": details}}).encode()


MESH = "meshgate.dev"


@pytest.mark.requirement("errors.rest")
@pytest.mark.parametrize(
    ("status", "body", "media", "kind"),
    [
        # A body that names its reason wins over the status.
        (502, fault(502, "INVALID_AGENT_RESPONSE"), "application/json", InvalidAgentResponse),
        (409, fault(409, "TASK_NOT_CANCELABLE"), "application/a2a+json", TaskNotCancelable),
        (503, fault(503, "TASK_NOT_FOUND"), "application/json; charset=utf-8", TaskNotFound),
        (503, fault(503, "RATE_LIMITED", MESH), "application/json", RateLimited),
        (429, fault(429, "QUOTA", "bank.example"), "application/json", AgentError),
        (504, fault(504, "NO_ROUTE", MESH), "application/json", AgentError),
        # One that does not leaves it to the status, as over JSON-RPC.
        (503, fault(503), "application/json", UpstreamUnavailable),
        (502, b"<html>", "text/html", UpstreamUnavailable),
        (502, fault(502, "TASK_NOT_FOUND"), "text/html", UpstreamUnavailable),
        (429, fault(429), "application/json", RateLimited),
        (429, b"", "text/plain", RateLimited),
        (404, fault(404), "application/json", TaskNotFound),
        (404, b"<html>", "text/html", InvalidAgentResponse),
        (500, b"<html>", "text/html", AgentError),
        (500, b"{}", "application/json", AgentError),
        (422, b'{"title":"no"}', "application/problem+json", AgentError),
        (400, b"{}", "application/json", InvalidAgentResponse),
        (302, b"", "application/json", InvalidAgentResponse),
        # The credential is the gateway's, whatever the agent says of it.
        (401, fault(401, "TASK_NOT_FOUND"), "application/json", UpstreamUnavailable),
        (403, fault(403, "PERMISSION_DENIED", MESH), "application/json", UpstreamUnavailable),
    ],
)
async def test_a_status_tells_what_an_answer_is_worth_that_names_no_reason(
    transport: HttpTransport, status: int, body: bytes, media: str, kind: type[MeshError]
) -> None:
    agents = Agents()
    async with serving(answering(status, body, media)) as url:
        name = agents.start(Endpoint("HTTP+JSON", url))
        with pytest.raises(MeshError) as caught:
            await transport.send(agents.call(name))
    assert type(caught.value) is kind
    assert (caught.value.endpoint, caught.value.unsent) == (name, status == 401)


@pytest.mark.parametrize(("said", "taken"), [("7", 7.0), ("301", 300.0), ("soon", None)])
async def test_a_pause_in_the_head_is_taken_with_a_reason_too(
    transport: HttpTransport, said: str, taken: float | None
) -> None:
    agents = Agents()
    async with serving(answering(429, fault(429, "RATE_LIMITED", MESH), **{"retry-after": said})) as url:
        with pytest.raises(RateLimited) as caught:
            await transport.send(agents.call(agents.start(Endpoint("HTTP+JSON", url))))
    assert (caught.value.retry_after, caught.value.metadata["source"]) == (taken, "agent")


async def test_an_agent_below_a_path_and_with_a_tenant_is_called_there(transport: HttpTransport) -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["method"], scope["raw_path"].decode(), scope["query_string"]))
        await answering(200, b'{"id":"t","status":{"state":"TASK_STATE_WORKING"}}')(scope, receive, send)

    agents = Agents()
    async with serving(app) as url:
        await transport.send(agents.call(agents.start(Endpoint("HTTP+JSON", url + "below/it/"))))
    assert seen == [("GET", "/below/it/tasks/task-1", b"")]
