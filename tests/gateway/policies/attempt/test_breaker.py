"""The gate at an instance's breaker: who is let through, and what it is told."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, NoRoute, TaskNotFound, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.attempt.breaker import BreakerGate
from tests.gateway.calls import NEXT_TO_NONE, Behind, Clock, chosen, instance, limits, make_call

pytestmark = pytest.mark.requirement("path.breaker")


class Gate:
    """The policy before an instance whose breaker opens for exactly two seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.where = instance(self.clock, changed=limits(breaker_backoff=2.0, breaker_jitter=NEXT_TO_NONE))
        self.policy = BreakerGate()

    async def call(self, *errors: BaseException) -> Reply:
        return await self.policy(chosen(make_call(), self.where, self.clock), Behind(*errors))

    async def fail(self, times: int, error: BaseException | None = None) -> None:
        for _ in range(times):
            try:
                await self.call(error or UpstreamUnavailable())
            except (MeshError, asyncio.CancelledError):
                continue

    async def refusal(self) -> UpstreamUnavailable:
        with pytest.raises(UpstreamUnavailable) as refused:
            await self.call()
        return refused.value


async def test_five_failures_close_the_gate_until_the_backoff_is_over() -> None:
    gate = Gate()
    await gate.fail(4)
    await gate.call()
    await gate.fail(5)
    refused = await gate.refusal()
    assert (refused.unsent, refused.endpoint, refused.retry_after) == (True, "echo-1", 2.0)
    assert refused.message == "echo-1 failed lately: its breaker is open"
    gate.clock.now += 2.0 - 1e-6
    assert (await gate.refusal()).retry_after == 0.1
    gate.clock.now = 1002.0
    await gate.call()


@pytest.mark.parametrize("error", [TaskNotFound(), UpstreamDeadline(), NoRoute(), asyncio.CancelledError()])
async def test_what_says_nothing_against_the_instance_leaves_the_gate_open(error: BaseException) -> None:
    gate = Gate()
    await gate.fail(20, error)
    assert gate.where.breaker.state == "closed"


async def test_a_reply_that_breaks_off_counts_when_it_ends_and_not_before() -> None:
    gate = Gate()

    def break_off(_: object) -> object:
        raise UpstreamUnavailable

    await gate.fail(4)
    reply = await gate.call()
    assert gate.where.breaker.state == "closed"
    with pytest.raises(UpstreamUnavailable):
        await reply.map(break_off).answer()  # type: ignore[arg-type]
    assert gate.where.breaker.state == "open"


async def test_a_reply_that_its_caller_leaves_says_nothing() -> None:
    gate = Gate()
    await gate.fail(4)
    await (await gate.call()).aclose()
    await gate.fail(1)
    assert gate.where.breaker.state == "open"


async def test_one_probe_goes_at_a_time_and_its_end_opens_the_gate() -> None:
    gate = Gate()
    await gate.fail(5)
    gate.clock.now += 2.0
    probe = await gate.call()
    assert (await gate.refusal()).retry_after == 0.1
    await probe.answer()
    assert gate.where.breaker.state == "closed"
    await gate.call()


async def test_a_probe_whose_caller_leaves_makes_room_for_the_next() -> None:
    gate = Gate()
    await gate.fail(5)
    gate.clock.now += 2.0
    await (await gate.call()).aclose()
    assert gate.where.breaker.state == "half-open"
    await (await gate.call()).answer()
    assert gate.where.breaker.state == "closed"


async def test_a_call_that_goes_to_no_instance_goes_on() -> None:
    call: Call = make_call()
    await BreakerGate()(call, behind := Behind())
    assert behind.last is call
