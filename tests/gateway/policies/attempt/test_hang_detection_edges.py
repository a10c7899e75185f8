"""An instance that was silent and speaks again, and one that was heard at the very bound."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio

import pytest

from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Health
from tests.gateway.calls import Clock, instance, limits, make_call
from tests.gateway.policies.attempt.test_hang_detection import Ward
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("path.hang")


@virtual_time
async def test_an_instance_that_answered_its_health_and_then_its_call_is_left_alone() -> None:
    ward = Ward("y")
    await ward.call(ward.attempt(), answer_after=0.75)
    await asyncio.sleep(5.0)
    assert ward.asked == [0.5]
    assert (ward.where.breaker.state, ward.where.hung, ward.where.probing) == ("closed", False, None)


def test_an_attempt_heard_nine_tenths_of_the_silence_ago_is_silent() -> None:
    clock = Clock()
    where = instance(clock)
    policy = HangDetection(lambda _: asyncio.sleep(0, result=Health.WELL), limits(silence=10.0), clock)
    where.attempts.add(Attempt(make_call(), where, where.entry.instance.endpoints[0], clock()))
    clock.now += 9.0
    assert policy._quiet(where)
