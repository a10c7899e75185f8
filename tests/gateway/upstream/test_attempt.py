"""One try of a call: its deadline, and how it is ended from outside."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.errors import Killed, MeshError, OutcomeUnknown, UpstreamDeadline
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Health
from tests.gateway.calls import Clock, instance, make_call
from tests.support.virtual_loop import elapsed, settle, virtual_time


def attempt_of(method: str = "SendMessage", *, sent: bool = False, answering: bool = True) -> Attempt:
    where = instance(Clock())
    where.health = Health.WELL if answering else Health.SILENT
    attempt = Attempt(make_call(method), where, where.entry.instance.endpoints[0], 1000.0)
    attempt.sent = sent
    return attempt


def attempt_error(attempt: Attempt) -> tuple[str, str | None] | None:
    """The error that ended an attempt, and the endpoint that it names."""
    error = attempt.aborted
    return (error.code, error.endpoint) if error is not None else None


async def wait_for(attempt: Attempt, seconds: float = 100.0) -> str:
    """Wait for an agent, and say how it ended."""
    try:
        with attempt.guard():
            await asyncio.sleep(seconds)
    except MeshError as error:
        return error.code if error is attempt.aborted else "another error"
    return "done"


@virtual_time
async def test_at_its_deadline_whoever_waits_gets_the_error_and_not_before() -> None:
    attempt = attempt_of()
    attempt.start_deadline(3.0)
    assert await elapsed(wait_for(attempt, 2.999)) == pytest.approx(2.999)
    assert (attempt_error(attempt), attempt.sent, attempt.begun, attempt.heard) == (None, False, False, 1000.0)
    assert await wait_for(attempt) == "UPSTREAM_DEADLINE"
    assert await elapsed(wait_for(attempt)) == 0.0
    assert attempt_error(attempt) == ("UPSTREAM_DEADLINE", "echo-1")


@virtual_time
async def test_an_attempt_that_is_over_has_no_deadline_any_more_and_one_without_end_never_had_one() -> None:
    stopped, endless, past = attempt_of(), attempt_of(), attempt_of()
    stopped.start_deadline(3.0)
    stopped.stop()
    endless.start_deadline(float("inf"))
    endless.stop()
    past.start_deadline(-5.0)
    await settle()
    assert past.aborted is not None
    await asyncio.sleep(10.0)
    assert [one.aborted for one in (stopped, endless)] == [None, None]


@pytest.mark.parametrize(
    ("method", "sent", "answering", "kind", "metadata"),
    [
        ("SendMessage", True, False, OutcomeUnknown, {}),
        ("SendMessage", True, True, UpstreamDeadline, {"outcome": "unknown"}),
        ("SendMessage", False, False, UpstreamDeadline, {}),
        ("GetTask", True, False, UpstreamDeadline, {}),
        ("GetTask", True, True, UpstreamDeadline, {}),
    ],
)
@virtual_time
async def test_what_the_deadline_means_depends_on_what_was_sent_and_whether_the_agent_answers(
    method: str, sent: bool, answering: bool, kind: type[MeshError], metadata: dict[str, str]
) -> None:
    attempt = attempt_of(method, sent=sent, answering=answering)
    attempt.start_deadline(1.0)
    await asyncio.sleep(1.0)
    assert type(attempt.aborted) is kind
    assert attempt.aborted is not None
    assert (attempt.aborted.metadata, attempt.aborted.endpoint) == (metadata, "echo-1")


@virtual_time
async def test_the_first_error_stays() -> None:
    attempt = attempt_of()
    first = Killed()
    attempt.abort(first)
    attempt.abort(UpstreamDeadline())
    assert attempt.aborted is first
    assert await wait_for(attempt) == "KILLED"


@virtual_time
async def test_an_abort_while_nobody_waits_cancels_nobody() -> None:
    attempt = attempt_of()
    assert await wait_for(attempt, 1.0) == "done"
    attempt.abort(Killed())
    await asyncio.sleep(1.0)
    assert await wait_for(attempt) == "KILLED"


@virtual_time
async def test_a_caller_that_leaves_at_the_same_moment_has_left() -> None:
    attempt = attempt_of()
    waiting = asyncio.ensure_future(wait_for(attempt))
    await settle()
    attempt.abort(Killed())
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@virtual_time
async def test_an_error_of_the_agents_own_is_not_replaced() -> None:
    attempt = attempt_of()
    attempt.__enter__()
    error = KeyError()
    attempt.abort(Killed())
    attempt.__exit__(KeyError, error, None)  # raises nothing: the error that is under way stays
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(1.0)
