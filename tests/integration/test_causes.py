"""A job that fails deep down: each caller up to the command is told the root's cause, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from meshgate.cli import main
from meshgate.registry.home import Run
from meshgate.sdk import Agent, Context, Fail, Mesh, TaskFailed
from tests.support.whole import whole_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120), pytest.mark.requirement("errors.cause")]

CHAIN = ("ant", "bee", "cat", "dog")


def link(run: Run, name: str, onward: str) -> Agent:
    """An agent that calls the next one; the last one fails by itself, or does what the text says."""
    agent = Agent(name, join=run.join, join_key=run.join_key, environ={})

    @agent.skill
    async def go(text: str, ctx: Context) -> str:
        if onward:
            return (await ctx.call(onward, text=text)).text
        if text == "fail":
            raise Fail("there is no paper")
        return (await ctx.call(text, text="x")).text

    return agent


@asynccontextmanager
async def chain(folder: Path) -> AsyncGenerator[tuple[Run, Mesh]]:
    async with AsyncExitStack() as stack:
        run, _ = await stack.enter_async_context(whole_gateway(folder))
        for name, onward in zip(CHAIN, (*CHAIN[1:], ""), strict=True):
            await stack.enter_async_context(link(run, name, onward).serve())
        yield run, await stack.enter_async_context(Mesh(run.gateway, key=run.client_key))


PATH = "ant.go → bee.go → cat.go → dog.go"


@pytest.mark.parametrize(
    ("asked", "code", "said", "path", "exit_code"),
    [
        ("fail", "TASK_FAILED", "there is no paper", "ant.go → bee.go → cat.go → dog", 1),
        ("ant", "LOOP", f"ant.go may stand on a path 1 time (path {PATH} → ant.go)", f"{PATH} → ant.go", 5),
        ("nobody", "NO_ROUTE", "no agent here answers to 'nobody'", PATH, 3),
    ],
)
async def test_the_cause_at_the_root_is_told_once_with_its_path_and_gives_the_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    asked: str,
    code: str,
    said: str,
    path: str,
    exit_code: int,
) -> None:
    monkeypatch.setenv("MESHGATE_HOME", str(tmp_path / "home"))
    async with chain(tmp_path) as (_, mesh):
        with pytest.raises(TaskFailed) as failed:
            await mesh.call("ant", text=asked)
        with pytest.raises(TaskFailed) as streamed:
            async for _ in mesh.stream("ant", text=asked):
                pass
        for error in (failed.value, streamed.value):
            assert error.cause is not None
            assert (error.cause.code, error.cause.path) == (code, path)
            assert error.cause.message.startswith(said), "the price of the job follows"
            assert error.message == ("" if code == "TASK_FAILED" else f"{code}: ") + error.cause.message
        assert failed.value.task is not None
        assert json.dumps(failed.value.task.metadata).count(said.split(" (", maxsplit=1)[0]) == 1
        for flags in ([], ["--no-stream"]):
            capfd.readouterr()
            assert await asyncio.to_thread(main, ["call", "ant", asked, *flags]) == exit_code
            (line,) = [one for one in capfd.readouterr().err.splitlines() if one.startswith("error: ")]
            assert (line.count(said), line.count("TASK_FAILED"), line.count(path)) == (1, 0, 1)
            assert code == "TASK_FAILED" or line.count(code) == 1
