"""Trying again: what may be, how often, how long after, and never beyond a share of the calls."""

from __future__ import annotations

import asyncio
import random

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import (
    InternalError,
    MeshError,
    OutcomeUnknown,
    TaskNotFound,
    UpstreamDeadline,
    UpstreamUnavailable,
)
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.policies.call.retry import Retry, RetryBudget
from tests.gateway.calls import NEXT_TO_NONE, Behind, Clock, limits, make_call


class Full(random.Random):
    """Draws the upper end of each range, and keeps the ranges."""

    def __init__(self) -> None:
        super().__init__(0)
        self.ranges: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.ranges.append((a, b))
        return b


class Tries:
    """A retry policy whose pauses are kept and move the clock."""

    def __init__(self, **changes: float) -> None:
        self.clock, self.rng, self.metrics = Clock(), Full(), Metrics()
        self.pauses: list[float] = []
        self.policy = Retry(limits(**changes), self.clock, self.rng, self.metrics, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.now += seconds

    async def count(self, *errors: MeshError, method: str = "GetTask", deadline: float = float("inf")) -> list[Call]:
        """The tries of a call, which ends with the last of the errors or well."""
        behind = Behind(*errors)
        try:
            await self.policy(make_call(method, deadline=deadline), behind)
        except MeshError as error:
            assert error is errors[len(behind.calls) - 1]  # noqa: PT017 - it may end well, too
        return behind.calls


def away(name: str = "echo-1", *, after: float | None = None, unsent: bool = False) -> UpstreamUnavailable:
    return UpstreamUnavailable(endpoint=name, retry_after=after, unsent=unsent)


# -- what may be tried again


@pytest.mark.requirement("path.retry")
@pytest.mark.parametrize("method", ["GetTask", "SubscribeToTask"])
async def test_a_safe_call_is_tried_again_and_avoids_what_failed(method: str) -> None:
    tries = Tries()
    calls = await tries.count(away("echo-1"), away("echo-2"), method=method)
    assert [call.avoid for call in calls] == [frozenset(), {"echo-1"}, {"echo-1", "echo-2"}]
    assert b"meshgate_retries_total 2.0" in tries.metrics.render()


@pytest.mark.requirement("path.retry_unsafe")
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage", "CancelTask"])
async def test_an_unsafe_call_is_tried_again_only_if_no_byte_had_left(method: str) -> None:
    assert len(await Tries().count(away(), method=method)) == 1
    assert len(await Tries().count(away(unsent=True), method=method)) == 2


@pytest.mark.requirement("path.retry")
@pytest.mark.parametrize("kind", [OutcomeUnknown, TaskNotFound, UpstreamDeadline, InternalError])
async def test_what_another_try_does_not_help_is_tried_once(kind: type[MeshError]) -> None:
    assert len(await Tries().count(kind(endpoint="echo-1"))) == 1
    assert len(await Tries().count(kind(endpoint="echo-1", unsent=True))) == 2


@pytest.mark.requirement("path.retry")
@pytest.mark.parametrize("unsent", [False, True])
async def test_a_failure_of_no_instance_is_not_tried_again(unsent: bool) -> None:
    assert len(await Tries().count(UpstreamUnavailable(unsent=unsent))) == 1


async def test_what_is_no_error_of_the_mesh_is_passed_on_at_once() -> None:
    for error in (KeyError("x"), asyncio.CancelledError()):
        behind = Behind(error)
        with pytest.raises(type(error)):
            await Tries().policy(make_call("GetTask"), behind)
        assert len(behind.calls) == 1


# -- how often


@pytest.mark.requirement("path.retry")
@pytest.mark.parametrize(("attempts", "tried"), [(1, 1), (2, 2), (3, 3), (4, 4)])
async def test_a_call_is_tried_as_often_as_the_limit_says_and_no_more(attempts: int, tried: int) -> None:
    for unsent in (False, True):
        errors = [away(f"echo-{number}", unsent=unsent) for number in range(6)]
        assert len(await Tries(retry_attempts=attempts).count(*errors)) == tried


@pytest.mark.requirement("path.retry")
async def test_three_tries_is_the_default() -> None:
    assert len(await Tries().count(*[away() for _ in range(6)])) == 3


# -- how long after


async def test_the_pause_doubles_with_full_jitter() -> None:
    tries = Tries(retry_attempts=5)
    await tries.count(*[away() for _ in range(5)])
    assert tries.rng.ranges == [(0, 0.05), (0, 0.1), (0, 0.2), (0, 0.4)]
    assert tries.pauses == [0.05, 0.1, 0.2, 0.4]


async def test_what_was_not_sent_is_tried_elsewhere_without_a_pause() -> None:
    tries = Tries()
    await tries.count(away(unsent=True, after=9.0), away(unsent=True))
    assert (tries.pauses, tries.rng.ranges) == ([], [])


async def test_an_instance_that_says_when_to_come_back_is_given_that_time() -> None:
    tries = Tries()
    await tries.count(away(after=2.5), away(after=0.09))
    assert tries.pauses == [2.5, 0.1]


@pytest.mark.requirement("path.deadline")
@pytest.mark.parametrize(("left", "tried"), [(0.05, 1), (0.05 + 1e-6, 2), (0.049, 1), (0.0, 1)])
async def test_nothing_is_tried_again_at_or_past_the_deadline(left: float, tried: int) -> None:
    tries = Tries()
    calls = await tries.count(away(), deadline=1000.0 + left)
    assert (len(calls), len(tries.pauses)) == (tried, tried - 1)


@pytest.mark.requirement("path.deadline")
async def test_nothing_that_was_not_sent_is_tried_again_past_the_deadline_either() -> None:
    assert len(await Tries().count(away(unsent=True), deadline=1000.0)) == 1
    assert len(await Tries().count(away(unsent=True), deadline=1000.000001)) == 2


# -- the budget


class Spent:
    def __init__(self, ratio: float, floor: float, window: int = 10) -> None:
        self.clock = Clock(1000.0)
        self.budget = RetryBudget(ratio, floor, self.clock, window)

    def call(self, times: int) -> None:
        for _ in range(times):
            self.budget.called()

    def take(self) -> int:
        for count in range(10_000):
            if not self.budget.take():
                return count
        raise AssertionError("there is no end of retries")


@pytest.mark.requirement("path.retry_budget")
@pytest.mark.parametrize(
    ("calls", "ratio", "floor", "retries"),
    [
        (100, 0.2, 0.0, 20),
        (101, 0.2, 0.0, 21),
        (0, 0.2, 5.0, 50),
        (100, 0.2, 5.0, 70),
        (100, 0.0, 0.0, 0),
        (4, 0.2, 0.1, 2),
    ],
)
def test_retries_are_a_share_of_the_calls_and_a_floor_over_ten_seconds(
    calls: int, ratio: float, floor: float, retries: int
) -> None:
    spent = Spent(ratio, floor)
    spent.call(calls)
    assert spent.take() == retries
    assert spent.take() == 0


@pytest.mark.requirement("path.retry_budget")
def test_calls_and_retries_count_for_ten_seconds() -> None:
    spent = Spent(0.5, 0.0)
    spent.call(10)
    spent.clock.now = 1009.999999
    assert spent.take() == 5
    spent.call(2)
    assert spent.take() == 1
    spent.clock.now = 1010.0  # the ten calls are over; six retries and two calls are not
    assert spent.take() == 0
    spent.clock.now = 1018.999999
    spent.call(20)
    assert spent.take() == 5
    spent.clock.now = 1019.0
    assert spent.take() == 5


@pytest.mark.requirement("path.retry_budget")
async def test_each_call_counts_once_however_often_it_is_tried_and_beyond_the_budget_none_is_tried_again() -> None:
    tries = Tries(retry_ratio=0.5, retry_floor=NEXT_TO_NONE)
    tried = [len(await tries.count(*[away(unsent=True) for _ in range(3)])) for _ in range(8)]
    assert tried == [2, 1, 2, 1, 2, 1, 2, 1]


@pytest.mark.requirement("path.retry_budget")
async def test_a_call_that_ends_at_its_deadline_takes_nothing_from_the_budget() -> None:
    tries = Tries(retry_ratio=NEXT_TO_NONE, retry_floor=0.1)
    await tries.count(away(), deadline=1000.0)
    assert len(await tries.count(away())) == 2
    assert len(await tries.count(away())) == 1


@pytest.mark.requirement("path.retry_budget")
def test_the_length_of_the_window_is_a_limit() -> None:
    spent = Spent(0.5, 1.0, window=3)
    spent.call(10)
    assert spent.take() == 8
    spent.clock.now = 1002.999999
    assert spent.take() == 0
    spent.clock.now = 1003.0
    assert spent.take() == 3


async def test_the_pause_before_a_retry_is_a_limit() -> None:
    tries = Tries(retry_pause=1.0)
    await tries.count(away(), away())
    assert tries.pauses == [2.0, 4.0]
