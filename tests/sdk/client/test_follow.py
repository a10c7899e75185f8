"""Calls of agents that answer before they are done: followed by a subscription, or by looking again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshgate.a2a.errors import (
    InternalError,
    MeshError,
    MethodNotFound,
    PermissionDenied,
    TaskNotFound,
    UnsupportedOperation,
    UpstreamDeadline,
    UpstreamUnavailable,
)
from meshgate.a2a.types import TaskState
from meshgate.sdk import Mesh, TaskFailed
from tests.sdk.ports import Answer, Gateways, body_of, fails, ok, streams, task
from tests.support.virtual_loop import elapsed, virtual_time

pytestmark = pytest.mark.requirement("sdk.follow")
RESULT = [{"artifactId": "a", "parts": [{"text": "short"}]}]
STATUS = {"taskId": "tag~t", "contextId": "c"}


class Agent:
    """An agent that answers SUBMITTED, and what it says of its task each time that it is asked."""

    def __init__(self, *looks: Any, subscribe: Answer | None = None, first: str = "SUBMITTED") -> None:
        self.looks = list(looks)
        self.subscribe = subscribe if subscribe is not None else fails(UnsupportedOperation("it does not stream"))
        self.asked: Counter[str] = Counter()
        self.at: list[float] = []
        self.first = first

    def __call__(self, request: httpx.Request) -> Any:
        method: str = body_of(request)["method"]
        self.asked[method] += 1
        if method == "SendMessage":
            return ok({"task": task(self.first)}, **{"meshgate-job": "j"})(request)
        if method == "SendStreamingMessage":
            return fails(UnsupportedOperation("it does not stream"))(request)
        if method == "SubscribeToTask":
            return self.subscribe(request)
        self.at.append(asyncio.get_running_loop().time())
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        answer: Callable[[httpx.Request], Any] = fails(look) if isinstance(look, MeshError) else ok(look)
        return answer(request)

    def mesh(self) -> Mesh:
        return Mesh("http://one", "key", transport=Gateways(one=self))


@virtual_time
@pytest.mark.parametrize("refusal", [UnsupportedOperation("no"), MethodNotFound("no"), InternalError("no")])
async def test_without_streams_the_task_is_looked_at_ever_less_often(refusal: MeshError) -> None:
    agent = Agent(*[task("WORKING")] * 7, task(artifacts=RESULT), subscribe=fails(refusal))
    result = await agent.mesh().call("ai", text="x")
    assert (result.text, result.state, result.job) == ("short", TaskState.COMPLETED, "j")
    pauses = [round(later - earlier, 3) for earlier, later in zip(agent.at, agent.at[1:], strict=False)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@virtual_time
async def test_a_task_that_streams_is_followed_by_its_events_and_read_once() -> None:
    done = {"statusUpdate": {**STATUS, "status": {"state": "TASK_STATE_COMPLETED"}}}
    events = streams({"task": task("WORKING")}, 30.0, done)
    agent = Agent(task(artifacts=RESULT), subscribe=events, first="WORKING")
    assert await elapsed(agent.mesh().call("ai", text="x", deadline=60)) == pytest.approx(30.0)
    assert agent.asked == {"SendMessage": 1, "SubscribeToTask": 1, "GetTask": 1}


@virtual_time
async def test_a_stream_that_breaks_is_followed_by_looking() -> None:
    events = streams({"task": task("WORKING")}, 1.0, httpx.ReadError("reset"))
    agent = Agent(task("WORKING"), task(artifacts=RESULT), subscribe=events)
    assert (await agent.mesh().call("ai", text="x")).text == "short"


@virtual_time
async def test_what_comes_is_returned_without_waiting_if_that_is_wanted() -> None:
    given: list[dict[str, Any]] = [{"wait": False}, {"return_immediately": True}]
    for options in given:
        agent = Agent(task(artifacts=RESULT))
        result = await agent.mesh().call("ai", text="x", **options)
        assert (result.state, result.text) == (TaskState.SUBMITTED, "")
        assert agent.asked == {"SendMessage": 1}


@virtual_time
@pytest.mark.parametrize("subscribe", [None, streams({"task": task("WORKING")}, 3600.0)])
async def test_the_deadline_names_the_task_which_goes_on(subscribe: Answer | None) -> None:
    agent = Agent(task("WORKING"), subscribe=subscribe)
    with pytest.raises(UpstreamDeadline) as late:
        await agent.mesh().call("ai", text="x", deadline=12)
    assert late.value.metadata == {"task": "tag~t"}
    assert late.value.message == "the call's deadline has passed, and the task goes on: read it by its id, tag~t"
    assert "CancelTask" not in agent.asked


@virtual_time
async def test_an_agent_that_is_away_for_a_moment_is_asked_again_and_one_without_the_task_is_not() -> None:
    away = [UpstreamUnavailable("away", retry_after=3.0), UpstreamUnavailable("away")]
    agent = Agent(*away, task(artifacts=RESULT))
    assert (await agent.mesh().call("ai", text="x")).text == "short"
    assert agent.at[1] - agent.at[0] == pytest.approx(3.0)
    for error in (TaskNotFound("gone"), PermissionDenied("no")):
        lost = Agent(error)
        with pytest.raises(type(error)):
            await lost.mesh().call("ai", text="x")
        assert lost.asked["GetTask"] == 1
        with pytest.raises(type(error)):
            await Agent(task("WORKING"), subscribe=fails(error)).mesh().call("ai", text="x")


@virtual_time
async def test_a_question_and_a_failure_end_the_wait() -> None:
    asked = await Agent(task("WORKING"), task("INPUT_REQUIRED", "which?")).mesh().call("ai", text="x")
    assert (asked.waits, asked.text) == (True, "which?")
    with pytest.raises(TaskFailed, match="no paper"):
        await Agent(task("FAILED", "no paper")).mesh().call("ai", text="x")


@virtual_time
async def test_a_stream_of_an_agent_that_does_not_stream_ends_with_the_task_at_its_end() -> None:
    agent = Agent(task("WORKING"), task(artifacts=RESULT))
    events = [event async for event in agent.mesh().stream("ai", text="x")]
    assert [event.state for event in events] == [TaskState.SUBMITTED, TaskState.COMPLETED]
    assert events[1].task is not None
    assert events[1].task.artifacts[0].parts[0].text == "short"
    assert events[1].job == "j"


@virtual_time
async def test_an_answer_that_is_complete_is_asked_about_no_more() -> None:
    agent = Agent(task(), first="COMPLETED")
    await agent.mesh().call("ai", text="x")
    assert agent.asked == {"SendMessage": 1}
