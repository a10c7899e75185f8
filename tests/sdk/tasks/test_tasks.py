"""Tasks at work: many watch one, each ends once, and nothing outlives its limit. All in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from meshgate.a2a.errors import (
    InternalError,
    InvalidParams,
    RateLimited,
    TaskNotCancelable,
    TaskNotFound,
    UnsupportedOperation,
    UpstreamDeadline,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.types import StreamResponse, TaskState
from meshgate.sdk import Agent, Context, MemoryTasks
from meshgate.sdk.tasks.task_state import TaskProjection
from tests.sdk.calls import answer, cancel, get, make_call, read, said_by, saying, send, stream, subscribe, text_of
from tests.support.virtual_loop import elapsed, settle, virtual_time

QUICK = msgspec.structs.replace(DEFAULTS, tasks_open=3, task_backlog=5, task_wait=100.0, cancel_seconds=2.0)


def make_agent(limits: Limits = DEFAULTS, **settings: Any) -> Agent:
    """An agent with a skill of each kind."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    agent = Agent("demo", limits=limits, clock=clock, now=lambda: 1_700_000_000.25, **settings)

    @agent.skill(default=True)
    async def slow(text: str, ctx: Context) -> str:
        await ctx.progress("half", fraction=0.5)
        await asyncio.sleep(float(text))
        return "done"

    @agent.skill
    async def count(text: str, ctx: Context) -> AsyncIterator[str]:
        for number in range(int(text)):
            yield f"{number} "
            await asyncio.sleep(1)
        ctx.usage(input_tokens=3)
        ctx.usage(input_tokens=4, cost_usd=0.5)

    @agent.skill
    async def quiz(text: str, ctx: Context) -> str:
        answers = [text]
        for question in ("colour?", "size?"):
            message = await ctx.ask(question)
            answers.append(str(message.parts[0].text))
        return ",".join(answers) + f" {ctx.remaining():.0f}"

    @agent.skill
    async def stubborn(text: str) -> str:
        for _ in range(50):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
        return "never mind"

    return agent


def states(events: list[StreamResponse]) -> list[TaskState]:
    found: list[TaskState] = []
    for event in events:
        if event.task is not UNSET:
            found.append(event.task.status.state)
        if event.status_update is not UNSET:
            found.append(event.status_update.status.state)
    return found


# -- one call


@virtual_time
async def test_a_task_is_what_its_agent_says_it_is() -> None:
    agent = make_agent()
    task = await send(agent, "1", contextId="c1")
    assert (task.status.state, text_of(task), task.context_id) == (TaskState.COMPLETED, "done", "c1")
    assert task.status.timestamp == "2023-11-14T22:13:20.250Z"
    assert [message.parts[0].text for message in task.history] == ["1"]
    assert await get(agent, task.id) == task


@virtual_time
async def test_a_stream_begins_with_the_task_and_ends_with_its_end() -> None:
    events = await read(await stream(make_agent(), "1"))
    assert events[0].task is not UNSET
    assert states(events) == [TaskState.WORKING, TaskState.WORKING, TaskState.COMPLETED]
    assert events[1].status_update is not UNSET
    assert events[1].status_update.metadata == {"meshgate/progress": 0.5}


@virtual_time
@pytest.mark.requirement("sdk.streams")
async def test_a_generators_chunks_leave_as_they_come() -> None:
    reply = await stream(make_agent(), "3", skill="count")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    times = [loop.time() - begun async for event in reply if event.view().artifact_update is not UNSET]
    assert times == [0.0, 1.0, 2.0]


@virtual_time
async def test_the_first_chunk_starts_the_artifact_and_the_others_continue_it() -> None:
    events = await read(await stream(make_agent(), "3", skill="count"))
    updates = [event.artifact_update for event in events if event.artifact_update is not UNSET]
    assert [update.append for update in updates] == [False, True, True]
    assert len({update.artifact.artifact_id for update in updates}) == 1


@virtual_time
async def test_a_whole_result_says_that_nothing_follows_and_a_chunk_does_not() -> None:
    async def told(skill: str) -> list[bool]:
        events = await read(await stream(make_agent(), "2", skill=skill))
        return [event.artifact_update.last_chunk for event in events if event.artifact_update is not UNSET]

    assert await told("slow") == [True]
    # Which chunk is a generator's last is known when it has ended, and by then it has left.
    assert await told("count") == [False, False]


@virtual_time
async def test_usage_is_added_up_and_comes_with_the_last_event() -> None:
    agent = make_agent()
    events = await read(await stream(agent, "1", skill="count"))
    usage = {"inputTokens": 7, "costUsd": 0.5}
    assert events[-1].status_update is not UNSET
    assert events[-1].status_update.metadata == {"meshgate/usage": usage}
    assert (await send(agent, "1", skill="count")).metadata == {"meshgate/usage": usage}


@virtual_time
async def test_named_artifacts_replace_or_continue_each_other() -> None:
    agent = Agent("demo")

    @agent.skill
    async def report(text: str, ctx: Context) -> None:
        await ctx.artifact("draft", "one")
        await ctx.artifact("draft", "two")
        await ctx.artifact("log", "a", description="what happened")
        await ctx.artifact("log", "b", append=True)
        await ctx.artifact("raw", b"\x00\x01", media_type="image/png")
        await ctx.artifact("data", {"n": 1})

    task = await send(agent, "x")
    found = {
        artifact.name: [(part.text, part.raw, part.data) for part in artifact.parts] for artifact in task.artifacts
    }
    assert found == {
        "draft": [("two", UNSET, UNSET)],
        "log": [("ab", UNSET, UNSET)],
        "raw": [(UNSET, "AAE=", UNSET)],
        "data": [(UNSET, UNSET, {"n": 1})],
    }


@virtual_time
async def test_the_history_is_as_long_as_was_asked_for() -> None:
    agent = make_agent()
    task = await send(agent, "0", configuration={"historyLength": 0})
    assert task.history == []
    assert len((await get(agent, task.id)).history) == 1
    assert (await get(agent, task.id, historyLength=0)).history == []
    assert len((await get(agent, task.id, historyLength=5)).history) == 1


@virtual_time
async def test_a_caller_in_a_hurry_gets_the_task_at_once_and_the_work_goes_on() -> None:
    agent = make_agent()
    task = await send(agent, "50", deadline="1", configuration={"returnImmediately": True})
    assert task.status.state == TaskState.WORKING
    await asyncio.sleep(49)
    assert (await get(agent, task.id)).status.state == TaskState.WORKING
    await asyncio.sleep(2)
    assert (await get(agent, task.id)).status.state == TaskState.COMPLETED


@virtual_time
async def test_work_that_nobody_waits_for_ends_at_its_limit() -> None:
    agent = make_agent(QUICK)
    task = await send(agent, "1000", configuration={"returnImmediately": True})
    await asyncio.sleep(QUICK.task_wait + 1)
    assert (await get(agent, task.id)).status.state == TaskState.FAILED


# -- many watch


@virtual_time
async def test_all_who_watch_see_the_same_events_in_the_same_order() -> None:
    agent = make_agent()
    first = await stream(agent, "5", skill="count")
    task_id = (await anext(first)).view().task.id
    watching = [asyncio.ensure_future(read(first))]
    for _ in range(3):
        await asyncio.sleep(1)
        watching.append(asyncio.ensure_future(read(await subscribe(agent, task_id))))
    seen = await asyncio.gather(*watching)
    whole = seen[0]
    for late in seen[1:]:
        assert late[0].task is not UNSET
        assert late[1:] == whole[len(whole) - len(late) + 1 :]
        followed = TaskProjection(late[0].task)
        for event in late[1:]:
            followed.apply(event)
        assert followed.snapshot() == await get(agent, task_id)


@virtual_time
async def test_who_leaves_a_stream_leaves_the_task_to_the_others() -> None:
    agent = make_agent()
    first = await stream(agent, "3", skill="count")
    task_id = (await anext(first)).view().task.id
    second = await subscribe(agent, task_id)
    await first.aclose()
    assert states(await read(second))[-1] == TaskState.COMPLETED
    assert (await get(agent, task_id)).status.state == TaskState.COMPLETED


@virtual_time
async def test_a_reader_that_falls_behind_is_told_so_and_disturbs_nobody() -> None:
    agent = make_agent(QUICK)
    slow = await stream(agent, "20", skill="count")
    task_id = (await anext(slow)).view().task.id
    other = asyncio.ensure_future(read(await subscribe(agent, task_id)))
    await asyncio.sleep(15)
    with pytest.raises(InternalError):
        await read(slow)
    assert states(await other)[-1] == TaskState.COMPLETED


@virtual_time
async def test_an_ended_task_cannot_be_subscribed_to() -> None:
    agent = make_agent()
    task = await send(agent, "0")
    with pytest.raises(UnsupportedOperation):
        await subscribe(agent, task.id)


@virtual_time
async def test_an_unknown_task_is_not_found_by_any_method() -> None:
    agent = make_agent()
    for ask in (get(agent, "nope"), cancel(agent, "nope"), subscribe(agent, "nope"), send(agent, "x", taskId="nope")):
        with pytest.raises(TaskNotFound):
            await ask


# -- cancelling


@virtual_time
@pytest.mark.requirement("sdk.cancel")
async def test_cancelling_ends_the_work_for_all_who_watch() -> None:
    agent = make_agent()
    watching = await stream(agent, "100")
    task_id = (await anext(watching)).view().task.id
    await settle()
    ended = await cancel(agent, task_id)
    assert ended.status.state == TaskState.CANCELED
    assert states(await read(watching))[-1] == TaskState.CANCELED
    assert await get(agent, task_id) == ended


@virtual_time
async def test_cancelling_twice_is_cancelling_once() -> None:
    agent = make_agent()
    task = await send(agent, "100", configuration={"returnImmediately": True})
    first, second = await asyncio.gather(cancel(agent, task.id), cancel(agent, task.id))
    assert first == second == await cancel(agent, task.id)


@virtual_time
async def test_a_task_that_ended_otherwise_cannot_be_cancelled() -> None:
    agent = make_agent()
    task = await send(agent, "0")
    with pytest.raises(TaskNotCancelable):
        await cancel(agent, task.id)


@virtual_time
async def test_a_blocked_caller_learns_that_its_task_was_cancelled_by_another() -> None:
    agent = make_agent()
    waiting = asyncio.ensure_future(send(agent, "100", skill="slow"))
    await settle()
    (task_id,) = agent.open_tasks
    await cancel(agent, task_id)
    assert (await waiting).status.state == TaskState.CANCELED


@virtual_time
async def test_work_that_does_not_stop_is_cancelled_without_it() -> None:
    agent = make_agent(QUICK)
    task = await send(agent, "x", skill="stubborn", configuration={"returnImmediately": True})
    await settle()
    assert await elapsed(cancel(agent, task.id)) == QUICK.cancel_seconds
    await asyncio.sleep(60)
    assert (await get(agent, task.id)).status.state == TaskState.CANCELED


@virtual_time
async def test_a_caller_that_leaves_a_blocking_call_cancels_its_work() -> None:
    agent = make_agent()
    leaving = asyncio.ensure_future(send(agent, "100"))
    await settle()
    (task_id,) = agent.open_tasks
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await settle()
    assert (await get(agent, task_id)).status.state == TaskState.CANCELED


@virtual_time
async def test_work_that_is_cancelled_before_it_began_ends_too() -> None:
    agent = make_agent()
    watching = await stream(agent, "100")
    (task_id,) = agent.open_tasks
    assert (await cancel(agent, task_id)).status.state == TaskState.CANCELED
    assert states(await read(watching))[-1] == TaskState.CANCELED
    assert agent.open_tasks == ()


# -- deadlines


@virtual_time
async def test_work_ends_at_its_callers_deadline() -> None:
    agent = make_agent()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    task = await send(agent, "100", deadline="2.5")
    assert (task.status.state, loop.time() - begun) == (TaskState.FAILED, 2.5)
    assert states(await read(await stream(agent, "100", deadline="3")))[-1] == TaskState.FAILED


@virtual_time
async def test_a_skill_knows_how_long_its_caller_waits() -> None:
    agent = Agent("demo", clock=asyncio.get_running_loop().time)

    @agent.skill
    async def left(text: str, ctx: Context) -> float:
        await asyncio.sleep(1)
        return ctx.remaining()

    task = await send(agent, "x", deadline="5")
    assert task.artifacts[0].parts[0].data == 4.0


@virtual_time
async def test_a_skill_without_a_task_has_a_deadline_as_well() -> None:
    agent = Agent("demo", clock=asyncio.get_running_loop().time)

    @agent.skill(task=False)
    async def slow(text: str) -> str:
        await asyncio.sleep(100)
        return text

    with pytest.raises(UpstreamDeadline):
        await answer(agent, make_call("SendMessage", saying("x"), meshgate_deadline="2"))


@virtual_time
@pytest.mark.parametrize("deadline", ["soon", "-1", "nan"])
async def test_a_deadline_that_is_no_time_is_refused(deadline: str) -> None:
    with pytest.raises(InvalidParams):
        await send(make_agent(), "1", deadline=deadline)


# -- conversations


@virtual_time
@pytest.mark.requirement("sdk.asks")
async def test_a_task_that_asks_waits_for_its_caller_and_goes_on() -> None:
    agent = make_agent()
    task = await send(agent, "start", skill="quiz", deadline="10")
    assert (task.status.state, said_by(task)) == (TaskState.INPUT_REQUIRED, "colour?")
    await asyncio.sleep(50)  # the first call's deadline has passed; nobody was waiting
    task = await send(agent, "red", taskId=task.id)
    assert (task.status.state, said_by(task)) == (TaskState.INPUT_REQUIRED, "size?")
    task = await send(agent, "large", taskId=task.id, contextId=task.context_id, deadline="30")
    assert (task.status.state, text_of(task)) == (TaskState.COMPLETED, "start,red,large 30")
    assert [message.parts[0].text for message in task.history] == ["start", "colour?", "red", "size?", "large"]


@virtual_time
async def test_a_stream_ends_where_the_task_asks_and_a_subscription_goes_on() -> None:
    agent = make_agent()
    events = await read(await stream(agent, "start", skill="quiz"))
    assert states(events)[-1] == TaskState.INPUT_REQUIRED
    assert events[0].task is not UNSET
    task_id = events[0].task.id
    watching = asyncio.ensure_future(read(await subscribe(agent, task_id)))
    await read(await stream(agent, "red", taskId=task_id))
    await read(await stream(agent, "large", taskId=task_id))
    assert states(await watching)[-1] == TaskState.COMPLETED


@virtual_time
async def test_a_message_for_a_task_that_takes_none_is_refused() -> None:
    agent = make_agent()
    ended = await send(agent, "0")
    busy = await send(agent, "10", configuration={"returnImmediately": True})
    for task in (ended, busy):
        with pytest.raises(UnsupportedOperation):
            await send(agent, "more", taskId=task.id)


@virtual_time
async def test_a_message_with_another_tasks_context_is_refused() -> None:
    agent = make_agent()
    task = await send(agent, "start", skill="quiz")
    with pytest.raises(InvalidParams):
        await send(agent, "red", taskId=task.id, contextId="elsewhere")


@virtual_time
async def test_a_question_that_nobody_answers_fails_the_task() -> None:
    agent = make_agent(QUICK)
    task = await send(agent, "start", skill="quiz")
    await asyncio.sleep(QUICK.task_wait + 1)
    assert (await get(agent, task.id)).status.state == TaskState.FAILED


@virtual_time
async def test_a_waiting_task_can_be_cancelled() -> None:
    agent = make_agent()
    task = await send(agent, "start", skill="quiz")
    assert (await cancel(agent, task.id)).status.state == TaskState.CANCELED


# -- bounds


@virtual_time
async def test_more_open_tasks_than_the_limit_are_refused_with_a_hint_when_to_come_again() -> None:
    agent = make_agent(QUICK)
    for _ in range(QUICK.tasks_open):
        await send(agent, "10", configuration={"returnImmediately": True})
    with pytest.raises(RateLimited) as caught:
        await send(agent, "0")
    assert caught.value.retry_after is not None
    await asyncio.sleep(11)
    assert (await send(agent, "0")).status.state == TaskState.COMPLETED


@virtual_time
async def test_a_history_keeps_the_latest_turns() -> None:
    agent = make_agent(msgspec.structs.replace(DEFAULTS, task_turns=2))
    task = await send(agent, "start", skill="quiz")
    task = await send(agent, "red", taskId=task.id)
    assert [message.parts[0].text for message in task.history] == ["colour?", "red"]


@virtual_time
async def test_memory_keeps_so_many_tasks_for_so_long() -> None:
    loop = asyncio.get_running_loop()
    limits = msgspec.structs.replace(DEFAULTS, tasks=2, task_seconds=10.0)
    agent = make_agent(limits, store=MemoryTasks(limits, loop.time))
    first, second, third = [await send(agent, "0") for _ in range(3)]
    with pytest.raises(TaskNotFound):
        await get(agent, first.id)
    assert await get(agent, second.id) == second
    await asyncio.sleep(10)
    with pytest.raises(TaskNotFound):
        await get(agent, third.id)


# -- ending


@virtual_time
async def test_draining_waits_for_work_and_not_for_answers() -> None:
    agent = make_agent()
    work = await send(agent, "5", configuration={"returnImmediately": True})
    await send(agent, "start", skill="quiz")
    assert await elapsed(agent.aclose(drain=30.0)) == 5.0
    assert (await get(agent, work.id)).status.state == TaskState.COMPLETED


@virtual_time
async def test_draining_ends_at_its_limit_and_stopping_fails_what_is_left() -> None:
    agent = make_agent()
    work = await send(agent, "100", configuration={"returnImmediately": True})
    asked = await send(agent, "start", skill="quiz")
    assert await elapsed(agent.aclose(drain=30.0)) == 30.0
    for task in (work, asked):
        assert (await get(agent, task.id)).status.state == TaskState.FAILED


@virtual_time
async def test_a_skill_that_cancels_itself_has_failed() -> None:
    agent = Agent("demo")

    @agent.skill
    async def odd(text: str) -> str:
        raise asyncio.CancelledError

    assert (await send(agent, "x")).status.state == TaskState.FAILED


class BrokenStore(MemoryTasks):
    """A store whose disk is full."""

    async def save(self, task: Any) -> None:
        raise OSError("no space left")


@virtual_time
async def test_a_store_that_fails_leaves_nobody_waiting() -> None:
    agent = make_agent(store=BrokenStore())
    watching = await stream(agent, "1")
    with pytest.raises(InternalError):
        await send(agent, "1")
    assert states(await read(watching))[-1] == TaskState.COMPLETED
    assert agent.open_tasks == ()
