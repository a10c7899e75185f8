"""What a caller hears of a stream: one task to its end, and an error where the agent ended it otherwise."""

# pyright: reportPrivateUsage=false
# How much is read in one pass is nowhere to be seen from outside.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgate.a2a.errors import InvalidAgentResponse, MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.outcome import classify
from meshgate.gateway.upstream.task_stream import TaskStream
from tests.contract.wild import task, update
from tests.gateway.calls import Clock, instance, make_call
from tests.support.virtual_loop import elapsed, settle, virtual_time

pytestmark = pytest.mark.requirement("stream.end")
MESSAGE: dict[str, Any] = {"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}}
_MADE: dict[str, Any] = {"artifactId": "a", "parts": []}
ARTIFACT: dict[str, Any] = {"artifactUpdate": {"taskId": "t1", "contextId": "c1", "artifact": _MADE}}


class Agent:
    """An agent that sends events (or waits, or raises, or ends), and the reply that its caller reads."""

    def __init__(self, *events: Any, method: str = "SendStreamingMessage", health: Health = Health.WELL) -> None:
        self.events, self.health = events, health
        self.metrics = Metrics()
        self.closed = self.asked = 0
        self.outcomes: list[Outcome] = []
        where = instance(Clock())
        self.attempt = Attempt(make_call(method), where, where.entry.instance.endpoints[0], 0.0)
        self.attempt.begun = True
        self.stream = TaskStream(
            Reply(self._send(), close=self._close), self.attempt, lambda event: event, self._ask, self.metrics, 1.0
        )
        self.reply = Reply(self.stream)

        def mark(event: Payload) -> Payload:
            self.reply.rests = self.stream.rests
            if self.stream.ended:
                self.reply.finish()
            return event

        self.reply.map(mark).on_end(self.outcomes.append)

    async def _send(self) -> AsyncIterator[Payload]:
        for event in self.events:
            if isinstance(event, int | float):
                await asyncio.sleep(event)
            elif isinstance(event, Exception):
                raise event
            else:
                yield JsonPayload(METHODS["SendStreamingMessage"].response, event)

    async def _ask(self, _: Instance) -> Health:
        self.asked += 1
        return self.health

    async def _close(self) -> None:
        self.closed += 1

    async def heard(self) -> tuple[list[str], MeshError | None]:
        """The kinds of the events, and the error at the end."""
        found: list[str] = []
        try:
            async for event in self.reply:
                found.append(next(iter(event.tree())))  # noqa: PERF401 - an error comes after some of them
        except MeshError as error:
            return found, error
        return found, None

    @property
    def counted(self) -> list[str]:
        lines = self.metrics.render().decode().splitlines()
        return [line.partition("_stream")[2] for line in lines if line.startswith("meshgate_stream")]

    @property
    def ended(self) -> str:
        (outcome,) = self.outcomes
        return outcome.state


# -- ends that A2A knows


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELED", "REJECTED"])
@virtual_time
async def test_a_terminal_state_is_the_end_at_once_however_long_the_agent_lingers(state: str) -> None:
    agent = Agent(task(state="WORKING"), update(state), 1000)
    assert await elapsed(agent.heard()) == 0.0
    assert (agent.ended, agent.closed, agent.counted) == ("done", 0, [])


@pytest.mark.parametrize("last", [update("INPUT_REQUIRED"), update("AUTH_REQUIRED"), MESSAGE])
@virtual_time
async def test_a_stream_may_end_where_the_task_waits_for_its_caller_or_after_a_message(last: dict[str, Any]) -> None:
    agent = Agent(*([] if last is MESSAGE else [task(state="WORKING")]), last)
    assert (await agent.heard())[1] is None
    assert (agent.ended, agent.counted) == ("done", [])


@virtual_time
async def test_what_follows_an_interrupted_state_is_passed_on() -> None:
    agent = Agent(task(state="INPUT_REQUIRED"), 5, update("WORKING"), ARTIFACT, update("COMPLETED"))
    assert await agent.heard() == (["task", "statusUpdate", "artifactUpdate", "statusUpdate"], None)


@virtual_time
async def test_an_interrupted_task_that_goes_on_must_end_too() -> None:
    agent = Agent(task(state="INPUT_REQUIRED"), update("WORKING"))
    assert isinstance((await agent.heard())[1], OutcomeUnknown)


# -- other ends


@pytest.mark.parametrize("events", [[task(state="WORKING")], [ARTIFACT], [task(state="SUBMITTED"), ARTIFACT]])
@pytest.mark.parametrize("method", ["SendStreamingMessage", "SubscribeToTask"])
@virtual_time
async def test_a_stream_that_ends_in_the_middle_of_a_task_is_an_error_that_names_the_task(
    events: list[Any], method: str
) -> None:
    agent = Agent(*events, method=method)
    heard, error = await agent.heard()
    assert (len(heard), agent.ended) == (len(events), "failed")
    assert isinstance(error, OutcomeUnknown)
    assert (error.endpoint, error.metadata) == ("echo-1", {"task": "t1", "retryable": "SubscribeToTask"})
    assert "ended before its task did" in error.message
    assert classify(error) is None  # it ended cleanly: no sign of a connection that is bad
    assert (agent.asked, agent.counted) == (0, ['s_cut_total{agent="echo"} 1.0'])


@pytest.mark.parametrize("error", [OutcomeUnknown(), UpstreamUnavailable()])
@pytest.mark.parametrize(("health", "counts"), [(Health.WELL, None), (Health.SILENT, False), (Health.FAILED, False)])
@virtual_time
async def test_a_connection_that_breaks_counts_only_if_the_health_route_does_not_answer(
    error: MeshError, health: Health, counts: bool | None
) -> None:
    agent = Agent(task(state="WORKING"), error, health=health)
    _, found = await agent.heard()
    assert isinstance(found, OutcomeUnknown)
    assert found.metadata == {"task": "t1", "retryable": "SubscribeToTask"}
    assert "broke before its task did" in found.message
    assert (classify(found), agent.asked, agent.counted) == (counts, 1, ['s_cut_total{agent="echo"} 1.0'])


@virtual_time
async def test_an_error_of_the_agents_own_stays_what_it_is() -> None:
    error = InvalidAgentResponse("what is this")
    assert (await Agent(task(state="WORKING"), error).heard())[1] is error


@virtual_time
async def test_an_error_before_the_first_event_stays_what_it_is() -> None:
    error = UpstreamUnavailable("the connection broke")
    agent = Agent(error)
    agent.attempt.begun = False
    assert (await agent.heard())[1] is error
    assert (agent.asked, agent.counted) == (0, [])


@virtual_time
async def test_what_ended_the_attempt_is_what_the_caller_is_told() -> None:
    error = OutcomeUnknown("its stream is ended here")
    agent = Agent(task(state="WORKING"), error)
    agent.attempt.abort(error)
    assert (await agent.heard())[1] is error
    assert (agent.asked, agent.counted) == (0, [])


# -- what is not passed on


@virtual_time
async def test_events_of_another_task_are_dropped_and_counted() -> None:
    other = {**MESSAGE["message"], "taskId": "t2"}
    agent = Agent(
        task(state="WORKING"), task("t2"), update("FAILED", "t2"), {"message": other}, ARTIFACT, update("COMPLETED")
    )
    assert await agent.heard() == (["task", "artifactUpdate", "statusUpdate"], None)
    assert agent.counted == ['_events_dropped_total{agent="echo",reason="other_task"} 3.0']


@virtual_time
async def test_events_after_the_end_are_read_for_a_moment_and_dropped() -> None:
    agent = Agent(task(state="WORKING"), update("COMPLETED"), ARTIFACT, 0.5, update("WORKING"), 0.6, update("FAILED"))
    assert (await agent.heard())[1] is None
    began = asyncio.get_running_loop().time()
    await agent.stream.finish()
    assert asyncio.get_running_loop().time() - began == 1.0
    assert agent.counted == ['_events_dropped_total{agent="echo",reason="after_end"} 2.0']
    assert agent.closed == 1


@pytest.mark.parametrize("rest", [[], [UpstreamUnavailable("gone")]])
@virtual_time
async def test_a_stream_that_ends_soon_after_its_end_is_read_to_it(rest: list[Any]) -> None:
    agent = Agent(update("COMPLETED"), 0.25, *rest)
    await agent.heard()
    assert await elapsed(agent.stream.finish()) == 0.25


# -- who leaves


async def left_after(agent: Agent, events: int) -> str:
    """How the call ended for a caller who left after so many events."""
    for _ in range(events):
        await anext(agent.reply)
    waiting = asyncio.ensure_future(anext(agent.reply, None))
    await settle()
    waiting.cancel()
    await settle()
    await agent.reply.aclose()
    return agent.ended


@pytest.mark.requirement("stream.done")
@pytest.mark.parametrize(
    ("last", "ended"), [("COMPLETED", "done"), ("FAILED", "done"), ("INPUT_REQUIRED", "done"), ("WORKING", "cancelled")]
)
@virtual_time
async def test_what_was_delivered_is_done_whoever_leaves_afterwards(last: str, ended: str) -> None:
    events = [task(state="WORKING"), update(last), 1000]
    assert await left_after(Agent(*events), 2) == ended
    closed = Agent(*events)
    for _ in range(2):
        await anext(closed.reply)
    await closed.reply.aclose()
    assert closed.ended == ended


# -- many events at once


@pytest.mark.requirement("agent.bounds")
@virtual_time
async def test_events_that_are_here_already_are_read_in_portions_so_that_others_run_between_them() -> None:
    agent = Agent(*[update("WORKING")] * 100, update("COMPLETED"), *[update("WORKING")] * 60)
    began = asyncio.get_running_loop().time()
    seen: list[int] = []

    async def others() -> None:
        while not agent.outcomes:
            seen.append(agent.stream._read)
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(others())
    heard, error = await agent.heard()
    await watching
    assert (len(heard), error) == (101, None)
    assert seen == [32, 64, 96]

    finishing = asyncio.ensure_future(agent.stream.finish())
    rest: list[int] = []
    while not finishing.done():
        await asyncio.sleep(0)
        rest.append(agent.stream._read)
    assert list(dict.fromkeys(rest)) == [128, 160, 161]
    assert asyncio.get_running_loop().time() == began
