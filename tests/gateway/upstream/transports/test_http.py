"""HTTP to agents: a stock server answers; what else an address may answer is the agent's fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from a2a.utils.errors import TaskNotFoundError

from meshgate.a2a.bindings.jsonrpc import BINDING
from meshgate.a2a.errors import (
    AgentError,
    InvalidAgentResponse,
    MeshError,
    RateLimited,
    TaskNotFound,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.instance import Health
from meshgate.gateway.upstream.transports.http import HttpTransport, make_client
from meshgate.net.server import HttpServer, bind_one
from meshgate.registry.model import Endpoint
from tests.gateway.upstream.transports.agents import Agents
from tests.support import foreign


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(BINDING, make_client(DEFAULTS), DEFAULTS, asyncio.get_running_loop().time)
    yield made
    await made.aclose()


@asynccontextmanager
async def serving(app: Any) -> AsyncGenerator[str, None]:
    """An app on a port of its own; its URL."""
    server = HttpServer(app, [bind_one("127.0.0.1", 0, "port")], DEFAULTS)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        await server.stop()


def answering(status: int, body: bytes, media: str = "application/json", **headers: str) -> Any:
    """A server that answers every request alike."""
    sent = {"content-type": media, **headers}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return app


async def test_a_stock_server_answers(transport: HttpTransport) -> None:
    agents = Agents()
    async with serving(foreign.app(foreign.ScriptedAgent(foreign.task()))) as url:
        reply = await transport.send(agents.call(agents.start(Endpoint("JSONRPC", url))))
        assert (await reply.answer()).view().id == "task-1"


async def test_a_stock_servers_stream_is_read_event_by_event(transport: HttpTransport) -> None:
    agents = Agents()
    async with serving(foreign.app(foreign.ScriptedAgent(*[foreign.task()] * 3))) as url:
        reply = await transport.send(agents.call(agents.start(Endpoint("JSONRPC", url)), "SubscribeToTask"))
        assert len([event async for event in reply]) == 3


async def test_a_stock_servers_error_is_the_error_it_is(transport: HttpTransport) -> None:
    agents = Agents()
    async with serving(foreign.app(foreign.ScriptedAgent(error=TaskNotFoundError("gone")))) as url:
        name = agents.start(Endpoint("JSONRPC", url))
        with pytest.raises(TaskNotFound, match="gone") as caught:
            await transport.send(agents.call(name))
        assert caught.value.endpoint == name


FAULT = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "gone"}}).encode()
RESULT = b'{"jsonrpc":"2.0","id":"1","result":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}'


@pytest.mark.parametrize(
    ("status", "body", "media", "kind"),
    [
        (400, FAULT, "application/json", TaskNotFound),
        (404, FAULT, "application/json", TaskNotFound),
        (404, b"<html>", "text/html", InvalidAgentResponse),
        (400, RESULT, "application/json", InvalidAgentResponse),
        (500, FAULT, "application/json", TaskNotFound),
        (500, b"<html>", "text/html", AgentError),
        (500, b"{}", "application/json", AgentError),
        (400, b"{}", "application/problem+json", InvalidAgentResponse),
        (422, b'{"title":"no"}', "application/problem+json", AgentError),
        (422, b'{"title":"no"', "application/problem+json", InvalidAgentResponse),
        (501, b"<html>", "text/html", InvalidAgentResponse),
        (302, b"", "application/json", InvalidAgentResponse),
        (401, FAULT, "application/json", UpstreamUnavailable),
        (403, FAULT, "application/json", UpstreamUnavailable),
        (503, FAULT, "application/json", UpstreamUnavailable),
        (429, FAULT, "application/json", RateLimited),
        (200, b"{}", "application/json", InvalidAgentResponse),
    ],
)
async def test_a_status_tells_what_the_answer_is_worth(
    transport: HttpTransport, status: int, body: bytes, media: str, kind: type[MeshError]
) -> None:
    agents = Agents()
    async with serving(answering(status, body, media)) as url:
        name = agents.start(Endpoint("JSONRPC", url))
        with pytest.raises(MeshError) as caught:
            await transport.send(agents.call(name))
    assert type(caught.value) is kind
    assert caught.value.endpoint == name
    assert caught.value.unsent == (status == 401)


@pytest.mark.parametrize(("said", "taken"), [("7", 7.0), ("301", 300.0), ("soon", None)])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_that_an_agent_asks_for_is_bounded(
    transport: HttpTransport, status: int, said: str, taken: float | None
) -> None:
    agents = Agents()
    async with serving(answering(status, b"", **{"retry-after": said})) as url:
        with pytest.raises(MeshError) as caught:
            await transport.send(agents.call(agents.start(Endpoint("JSONRPC", url))))
    assert caught.value.retry_after == taken


async def test_the_longest_pause_that_is_taken_from_an_agent_is_a_limit() -> None:
    limits, agents = Limits(retry_after=2.0), Agents()
    transport = HttpTransport(BINDING, make_client(limits), limits, asyncio.get_running_loop().time)
    async with serving(answering(503, b"", **{"retry-after": "3"})) as url:
        with pytest.raises(UpstreamUnavailable) as caught:
            await transport.send(agents.call(agents.start(Endpoint("JSONRPC", url))))
    assert caught.value.retry_after == 2.0
    await transport.aclose()


async def test_a_port_on_which_nobody_listens_was_sent_nothing(transport: HttpTransport) -> None:
    agents = Agents()
    async with serving(answering(200, b"")) as url:
        pass
    out = agents.call(agents.start(Endpoint("JSONRPC", url)))
    with pytest.raises(UpstreamUnavailable) as caught:
        await transport.send(out)
    assert caught.value.unsent
    assert not out.attempt.sent


async def test_any_answer_below_500_is_a_healthy_one(transport: HttpTransport) -> None:
    for status, found in ((200, Health.WELL), (404, Health.WELL), (500, Health.FAILED), (503, Health.FAILED)):
        async with serving(answering(status, b"")) as url:
            assert await transport.health(Endpoint("JSONRPC", url), None, 5.0) is found


STATE = {"id": "task-1", "status": {"state": "TASK_STATE_WORKING"}}


@pytest.mark.requirement("cards.extended_kept")
@pytest.mark.parametrize(("said", "told"), [("private, max-age=5", {"cache-control": "private, max-age=5"}), ("", {})])
async def test_how_long_a_card_may_be_kept_is_told_to_the_gateway(
    transport: HttpTransport, said: str, told: dict[str, str]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked = json.loads((await receive())["body"])["id"]
        card: dict[str, Any] = {"name": "n", "version": "1", "supportedInterfaces": [], "skills": []}
        headers = [(b"content-type", b"application/json"), (b"a2a-extensions", b"https://x/1")]
        headers += [(b"cache-control", said.encode())] if said else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = json.dumps({"jsonrpc": "2.0", "id": asked, "result": card}).encode()
        await send({"type": "http.response.body", "body": body})

    agents = Agents()
    async with serving(app) as url:
        name = agents.start(Endpoint("JSONRPC", url))
        reply = await transport.send(agents.call(name, "GetExtendedAgentCard"))
        assert dict(reply.head.headers) == told
        await reply.aclose()


@pytest.mark.requirement("path.extensions")
@pytest.mark.parametrize("method", ["GetTask", "SubscribeToTask"])
@pytest.mark.parametrize(
    ("asked", "said", "told"),
    [
        ("https://x/1,https://x/2", "https://x/1", {"a2a-extensions": "https://x/1"}),
        ("", "https://x/1", {}),
        ("https://x/1", "", {}),
        ("https://x/1", "x" * 4096, {"a2a-extensions": "x" * 4096}),
        ("https://x/1", "x" * 4097, {}),
        ("https://x/1", "https://x/\xe9", {}),
    ],
)
async def test_of_an_agents_headers_its_extensions_are_told_to_who_asked_for_some(
    transport: HttpTransport, method: str, asked: str, said: str, told: dict[str, str]
) -> None:
    streaming = method == "SubscribeToTask"
    media = "text/event-stream" if streaming else "application/json"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked_as = json.loads((await receive())["body"])["id"]
        result = {"task": STATE} if streaming else STATE
        body = json.dumps({"jsonrpc": "2.0", "id": asked_as, "result": result}).encode()
        body = b"data: " + body + b"\n\n" if streaming else body
        raw = [(b"content-type", media.encode()), (b"x-other", b"1")]
        raw += [(b"a2a-extensions", said.encode("latin-1"))] if said else []
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    agents = Agents()
    async with serving(app) as url:
        name = agents.start(Endpoint("JSONRPC", url))
        headers = {"a2a-extensions": asked} if asked else {}
        reply = await transport.send(agents.call(name, method, headers=headers))
        assert dict(reply.head.headers) == told
        await reply.aclose()
