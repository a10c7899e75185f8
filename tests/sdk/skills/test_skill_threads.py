"""Skills that are plain functions: they work in threads, call on, stream, and are told when to stop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import TaskState
from meshgate.sdk import Agent, Context, Fail, Mesh
from meshgate.sdk.skills.skill_threads import SkillThreads
from meshgate.testing import LocalMesh, text
from tests.registry.virtual import until
from tests.sdk.calls import answer, cancel, make_call, read, said_by, saying, send, stream, text_of
from tests.support.patience import patience

pytestmark = pytest.mark.requirement("sdk.threads")
PAUSE = threading.Event()


async def test_a_plain_function_is_a_skill_and_works_in_a_thread_of_its_own() -> None:
    agent = Agent("demo")
    seen: list[str] = []

    @agent.skill
    def shout(text: str) -> str:
        """Say it louder."""
        seen.append(threading.current_thread().name)
        return text.upper()

    assert shout("x") == "X", "it stays what it is"
    assert text_of(await send(agent, "hello")) == "HELLO"
    assert seen == [threading.current_thread().name, "meshgate-skill"]
    assert agent.manifest().skills[0].description == "Say it louder."


async def test_it_does_not_hold_up_the_agent_and_so_many_work_at_once() -> None:
    agent = Agent("demo", limits=msgspec.structs.replace(DEFAULTS, skill_threads=2))
    go, at_once, most = threading.Event(), [0], [0]
    lock = threading.Lock()

    @agent.skill
    def block(text: str) -> str:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        assert go.wait(patience())
        with lock:
            at_once[0] -= 1
        return text

    calls = [asyncio.ensure_future(send(agent, str(number))) for number in range(5)]
    await until(lambda: at_once[0] == 2)
    await asyncio.sleep(0.05)
    go.set()
    assert [text_of(task) for task in await asyncio.gather(*calls)] == ["0", "1", "2", "3", "4"]
    assert most == [2]


async def test_a_generator_streams_and_is_closed_by_who_leaves() -> None:
    agent = Agent("demo")
    closed = threading.Event()

    @agent.skill
    def count(text: str) -> Iterator[str]:
        try:
            for number in range(int(text)):
                yield f"{number} "
        finally:
            closed.set()

    assert text_of(await send(agent, "3")) == "0 1 2 "
    events = await read(await stream(agent, "2"))
    chunks = [event.artifact_update.artifact.parts[0].text for event in events if event.artifact_update]
    assert chunks == ["0 ", "1 "]
    assert closed.is_set()
    closed.clear()
    reply = await stream(agent, "1000000")
    task = (await anext(reply)).view().task
    await anext(reply)
    assert (await cancel(agent, task.id)).status.state is TaskState.CANCELED
    assert await asyncio.to_thread(closed.wait, patience())


async def test_what_it_raises_ends_its_task_as_it_would_an_async_one() -> None:
    agent = Agent("demo")

    @agent.skill
    def fails(text: str) -> str:
        raise Fail("no paper") if text == "fail" else StopIteration

    task = await send(agent, "fail")
    assert (task.status.state, said_by(task)) == (TaskState.FAILED, "no paper")
    assert said_by(await send(agent, "stop")).startswith("fails failed; the agent's log has the reason")


async def test_it_calls_on_and_tells_of_its_progress_as_a_child_of_its_call() -> None:
    agent = Agent("demo")

    @agent.skill
    def plan(text: str, ctx: Context) -> str:
        ctx.run(ctx.progress("half", 0.5))
        first = ctx.run(ctx.call("echo", text=text)).text

        async def by_mesh() -> str:
            async with Mesh() as mesh:
                return (await mesh.call("echo", text=text)).text

        return first + ctx.run(by_mesh())

    async with LocalMesh() as mesh, mesh.caller() as caller:
        await mesh.add("echo", text("hi"))
        await mesh.add(agent)
        events = [event async for event in caller.stream("demo", text="x")]
        assert [event.text for event in events if event.fraction] == ["half"]
        assert "".join(event.text for event in events if event.artifact) == "hihi"
        job = mesh.gateway.answers.job(events[0].job)
        assert job is not None
        assert [call.agent for call in job.calls] == ["demo", "echo", "echo"]


async def test_a_caller_that_cancels_sets_cancelled_and_ends_what_it_waits_for() -> None:
    agent = Agent("demo")
    told: list[Any] = []
    started, ended = threading.Event(), threading.Event()

    @agent.skill(default=True)
    def work(text: str, ctx: Context) -> str:
        started.set()
        while not ctx.cancelled:
            PAUSE.wait(0.005)
        told.append("looked")
        ended.set()
        return "too late"

    @agent.skill
    def wait(text: str, ctx: Context) -> str:
        started.set()
        try:
            ctx.run(asyncio.sleep(3600))
        except concurrent.futures.CancelledError:
            told.append("waited")
            ended.set()
            raise
        return "never"

    for skill, expected in (("work", "looked"), ("wait", "waited")):
        started.clear()
        ended.clear()
        reply = await stream(agent, "x", skill=skill)
        task = (await anext(reply)).view().task
        assert await asyncio.to_thread(started.wait, patience())
        assert (await cancel(agent, task.id)).status.state is TaskState.CANCELED
        assert await asyncio.to_thread(ended.wait, patience())
        assert told.pop() == expected


async def test_a_deadline_ends_the_task_and_tells_the_function() -> None:
    agent = Agent("demo")
    stopped = threading.Event()

    def wait(ctx: Context) -> None:
        while not ctx.cancelled:
            PAUSE.wait(0.005)
        stopped.set()

    @agent.skill(default=True)
    def slow(text: str, ctx: Context) -> str:
        wait(ctx)
        return "too late"

    @agent.skill(task=False)
    def plain(text: str, ctx: Context) -> str:
        wait(ctx)
        return "too late"

    task = await send(agent, "x", deadline="0.05")
    assert (task.status.state, said_by(task)) == (
        TaskState.FAILED,
        "the call's deadline passed before the work was done",
    )
    assert await asyncio.to_thread(stopped.wait, patience())
    stopped.clear()
    with pytest.raises(Exception, match="deadline passed"):
        await answer(agent, make_call("SendMessage", saying("x"), meshgate_skill="plain", meshgate_deadline="0.05"))
    assert await asyncio.to_thread(stopped.wait, patience())


async def test_run_is_not_for_async_skills() -> None:
    agent = Agent("demo")
    told: list[str] = []

    @agent.skill
    async def plan(text: str, ctx: Context) -> str:
        waiting = ctx.progress("half")
        with pytest.raises(TypeError) as refused:
            ctx.run(waiting)
        told.append(str(refused.value))
        await waiting
        return "done"

    await send(agent, "x")
    assert told == ["ctx.run is for skills that are plain functions: write 'await' here"]


async def test_a_tool_may_be_a_plain_function_of_several_parameters() -> None:
    agent = Agent("demo")

    @agent.tool
    def add(first: int, second: int = 2) -> int:
        return first + second

    assert add(1) == 3
    answered = await answer(agent, make_call("SendMessage", saying(data={"first": 40})))
    assert answered.message.parts[0].data == 42


def test_what_is_no_function_is_refused() -> None:
    class Loud:
        def __call__(self, text: str) -> str:
            return text

    with pytest.raises(TypeError, match="it is no function: write 'def' or 'async def'"):
        Agent("demo").skill(name="it")(Loud())


async def test_a_thread_that_goes_on_keeps_its_place_and_a_closed_loop_is_no_error() -> None:
    threads = SkillThreads(1)
    go = threading.Event()
    first = asyncio.ensure_future(threads.run(lambda: go.wait(patience())))
    await asyncio.sleep(0.02)
    first.cancel()
    second = asyncio.ensure_future(threads.run(lambda: "second"))
    await asyncio.wait({second}, timeout=0.1)
    assert not second.done(), "the first has not ended, whatever became of its caller"
    go.set()
    assert await second == "second"
