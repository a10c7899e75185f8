"""An attempt at an instance of which nothing is known yet."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.errors import UpstreamDeadline
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Health
from tests.gateway.calls import Clock, instance, make_call
from tests.support.virtual_loop import virtual_time


def fresh() -> Attempt:
    where = instance(Clock())
    return Attempt(make_call("SendMessage"), where, where.entry.instance.endpoints[0], 1000.0)


@virtual_time
async def test_a_deadline_of_less_than_a_second_is_met() -> None:
    attempt = fresh()
    attempt.start_deadline(0.25)
    await asyncio.sleep(0.25)
    assert isinstance(attempt.aborted, UpstreamDeadline)


@pytest.mark.parametrize(("sent", "metadata"), [(False, {}), (True, {"outcome": "unknown"})])
@virtual_time
async def test_an_instance_that_nobody_has_asked_counts_as_answering_and_nothing_as_sent(
    sent: bool, metadata: dict[str, str]
) -> None:
    attempt = fresh()
    attempt.sent = attempt.sent or sent
    attempt.start_deadline(1.0)
    await asyncio.sleep(1.0)
    assert isinstance(attempt.aborted, UpstreamDeadline)
    assert attempt.aborted.metadata == metadata


def test_an_instance_is_listed_answers_and_is_healthy_until_it_is_known_otherwise() -> None:
    where = instance(Clock())
    assert (where.listed, where.health, where.healthy, where.hung) == (True, Health.WELL, True, False)
    assert where.probing is None
