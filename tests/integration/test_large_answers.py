"""Answers that are larger than one event of a stream, and agents that do not stream: real gateway, real agents."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.cli import main
from meshgate.registry.home import Run
from meshgate.sdk import Agent, Context, Mesh
from meshgate.sdk.tasks.task_state import TaskProjection
from tests.support.closed_agent import ClosedAgent
from tests.support.stock_client import stock_client
from tests.support.whole import whole_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

TEXT = "Zürich: “1.5 MB” of text. " * 60_000
DATA = bytes(range(256)) * 6_000


def archive(run: Run) -> Agent:
    agent = Agent("archive", join=run.join, join_key=run.join_key, environ={})

    @agent.skill(default=True)
    async def text(text: str) -> str:
        """Give a long text."""
        return TEXT

    @agent.skill
    async def data(text: str, ctx: Context) -> None:
        """Give a large file."""
        await ctx.artifact("file", DATA)

    @agent.skill
    async def tree(text: str) -> dict[str, str]:
        """Give a large JSON value."""
        return {"x": "y" * 2_000_000}

    return agent


@asynccontextmanager
async def archive_mesh(folder: Path) -> AsyncGenerator[Mesh]:
    async with (
        whole_gateway(folder) as (run, _),
        archive(run).serve(),
        Mesh(run.gateway, key=run.client_key) as mesh,
    ):
        yield mesh


async def streamed(mesh: Mesh, skill: str) -> tuple[list[int], Any]:
    """The sizes of the events, and the artifact as its events make it."""
    projection: TaskProjection | None = None
    sizes: list[int] = []
    async for event in mesh.stream("archive", skill=skill, text="please"):
        if event.task is not None:
            projection = TaskProjection(event.task)
        elif projection is not None:
            projection.apply(event.raw)
        sizes.append(len(event.text))
    assert projection is not None
    return sizes, projection.snapshot().artifacts[0]


@pytest.mark.requirement("sdk.large_artifacts")
async def test_a_large_answer_comes_whole_streamed_and_not(tmp_path: Path) -> None:
    async with archive_mesh(tmp_path) as mesh:
        assert (await mesh.call("archive", text="please")).text == TEXT
        sizes, artifact = await streamed(mesh, "text")
        assert [part.text for part in artifact.parts] == [TEXT]
        assert len(sizes) > 10
        for result in (
            (await mesh.call("archive", skill="data", text="please")).artifacts[0],
            (await streamed(mesh, "data"))[1],
        ):
            (part,) = result.parts
            assert base64.b64decode(str(part.raw)) == DATA


@pytest.mark.requirement("sdk.large_artifacts")
@pytest.mark.parametrize("transport", ["JSONRPC", "GRPC"])
async def test_a_stock_client_reads_a_large_stream(tmp_path: Path, transport: str) -> None:
    async with (
        whole_gateway(tmp_path) as (run, _),
        archive(run).serve(),
        stock_client(run.gateway, "archive+grpc", run.client_key, transport) as client,
    ):
        text = ""
        async for event in client.send("text"):
            if event.HasField("artifact_update"):
                text += "".join(part.text for part in event.artifact_update.artifact.parts)
        assert text == TEXT


@pytest.mark.requirement("sdk.large_artifacts")
async def test_what_cannot_be_cut_says_what_to_do(tmp_path: Path) -> None:
    async with archive_mesh(tmp_path) as mesh:
        assert len((await mesh.call("archive", skill="tree", text="please")).data["x"]) == 2_000_000
        with pytest.raises(InvalidAgentResponse) as refused:
            await streamed(mesh, "tree")
        assert "call it without streaming, or let it send its result in several artifact events" in str(refused.value)


@pytest.mark.requirement("sdk.not_streaming")
async def test_an_agent_that_does_not_stream_is_called_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = ClosedAgent(lambda headers, query: True, {}, streaming=False)
    monkeypatch.setenv("MESHGATE_HOME", str(tmp_path / "home"))
    async with whole_gateway(tmp_path) as (run, _), agent.serve() as url:
        assert await asyncio.to_thread(main, ["register", "--card", url]) == 0
        for flags in ([], ["--no-stream"]):
            capfd.readouterr()
            assert await asyncio.to_thread(main, ["call", "closed", "you", *flags]) == 0
            assert capfd.readouterr().out == "Hello, you!\n"
        async with Mesh(run.gateway, key=run.client_key) as mesh:
            (event,) = [event async for event in mesh.stream("closed", text="you")]
            assert (event.kind, event.text, event.final, event.instance[:7]) == (
                "message",
                "Hello, you!",
                True,
                "closed-",
            )
