"""One real job, caller → gateway → agent → gateway → agent, is one tree of spans: in a collector and in a Jaeger."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from meshgate.registry.home import Run
from meshgate.sdk import Agent, Context, Mesh
from meshgate.telemetry import semconv
from meshgate.telemetry.collector import configure
from meshgate.telemetry.tracing import Tracing
from tests.support import servers
from tests.support.jaeger import wait_for_tree
from tests.support.otlp import Node, collector
from tests.support.whole import whole_gateway

pytestmark = pytest.mark.integration

SPANS = 4


def agents(run: Run, tracings: tuple[Tracing, Tracing], *, drops: bool) -> tuple[Agent, Agent]:
    """``front``, which asks ``leaf``: with the SDK, or with a bare HTTP client that knows no header of the mesh."""
    front = Agent("front", version="1.0.0", join=run.join, join_key=run.join_key, environ={}, tracing=tracings[0])
    leaf = Agent("leaf", version="1.0.0", join=run.join, join_key=run.join_key, environ={}, tracing=tracings[1])

    @front.skill
    async def ask(text: str, ctx: Context) -> str:
        """Ask the leaf."""
        if drops:
            return await bare(run.gateway, front, text)
        return (await ctx.call("answer@1", text=text)).text

    @leaf.skill
    async def answer(text: str, ctx: Context) -> str:
        """Answer."""
        ctx.usage(input_tokens=7, output_tokens=3, cost_usd=0.5)
        return text.upper()

    return front, leaf


async def bare(gateway: str, front: Agent, text: str) -> str:
    access = front.access()
    assert access is not None
    message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"text": text}]}
    request = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"authorization": f"Bearer {access.key}", "a2a-version": "1.0"}
        response = await client.post(f"{gateway}/skills/answer@1", json=request, headers=headers)
    return str(response.json()["result"]["task"]["artifacts"][0]["parts"][0]["text"])


@asynccontextmanager
async def job(folder: Path, otlp: str, *, drops: bool) -> AsyncGenerator[str, None]:
    """Runs the job, and yields its trace id once every span was sent."""
    async with whole_gateway(folder, otlp=otlp) as (run, plane):
        tracings = configure(otlp, "front", "front-1"), configure(otlp, "leaf", "leaf-1")
        front, leaf = agents(run, tracings, drops=drops)
        async with leaf.serve(), front.serve(), Mesh(run.gateway, key=run.client_key) as mesh:
            result = await mesh.call("ask@1", text="hello")
            assert result.text == "HELLO"
            records = plane.gateway.records.job(result.job)
            assert records is not None
            assert [call.inferred for call in records.calls] == ["", "open" if drops else ""]
            trace_id = records.calls[0].trace_id
        for tracing in tracings:
            await asyncio.to_thread(tracing.close)
    yield trace_id


def check(tree: Node, *, drops: bool) -> None:
    spans = list(tree.walk())
    servers_seen = [span.service for span in spans if span.kind == "server"]
    assert servers_seen == ["meshgate-gateway", "front", "meshgate-gateway", "leaf"]
    gateway = [span for span in spans if span.service == "meshgate-gateway"]
    assert all(span.attributes[semconv.JOB] == gateway[0].attributes[semconv.JOB] for span in gateway)
    assert [span.attributes[semconv.AGENT_NAME] for span in gateway] == ["front", "leaf"]
    assert gateway[-1].attributes[semconv.COST_USD] == 0.5
    assert bool(gateway[-1].attributes.get(semconv.INFERRED)) is drops
    assert all(span.attributes[semconv.REASON] for span in gateway)


@pytest.mark.requirement("path.trace")
@pytest.mark.parametrize("drops", [False, True], ids=["keeps", "drops"])
async def test_a_job_is_one_tree_in_a_collector(tmp_path: Path, *, drops: bool) -> None:
    with collector() as seen:
        async with job(tmp_path, seen.endpoint, drops=drops) as trace_id:
            await asyncio.to_thread(seen.wait_for, trace_id, SPANS)
        check(seen.tree(trace_id), drops=drops)


@pytest.mark.slow_servers
@pytest.mark.requirement("path.trace")
async def test_a_job_read_back_from_a_real_jaeger_is_one_tree(tmp_path: Path, jaeger: servers.Jaeger) -> None:
    async with job(tmp_path, jaeger.otlp_endpoint, drops=True) as trace_id:
        tree = await asyncio.to_thread(wait_for_tree, jaeger.query, trace_id, SPANS)
    check(tree, drops=True)
