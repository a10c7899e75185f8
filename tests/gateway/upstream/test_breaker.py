"""The breaker of one instance: what opens it, for how long, who probes, and what counts no more."""

from __future__ import annotations

import random
from typing import Any

import pytest

from meshgate.gateway.upstream.breaker import Breaker, Permit
from tests.gateway.calls import NEXT_TO_NONE, Clock, limits

pytestmark = pytest.mark.requirement("path.breaker")
IN_A_ROW: dict[str, Any] = {"breaker_ratio": NEXT_TO_NONE}
BY_SHARE: dict[str, Any] = {"breaker_failures": 10**6}


class Switch:
    """A breaker without jitter, which stays open for two seconds at first."""

    def __init__(self, **changes: Any) -> None:
        self.clock = Clock()
        settings = {"breaker_backoff": 2.0, "breaker_jitter": NEXT_TO_NONE, **changes}
        self.breaker = Breaker("echo-1", limits(**settings), self.clock, random.Random(1))

    def enter(self) -> Permit:
        permit = self.breaker.enter()
        assert permit is not None
        return permit

    def end(self, success: bool | None, times: int = 1) -> str:
        """So many calls come and end alike; the state that the breaker is then in."""
        for _ in range(times):
            self.breaker.leave(self.enter(), success)
        return self.breaker.state

    def fail(self, times: int = 1) -> str:
        return self.end(success=False, times=times)

    def succeed(self, times: int = 1) -> str:
        return self.end(success=True, times=times)

    def wait(self) -> float:
        """The time is over in which nothing goes to the instance; how long it was."""
        seconds = self.breaker.retry_after()
        self.clock.now += seconds
        return seconds


# -- what opens it


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_so_many_failures_in_a_row_open_it(failures: int) -> None:
    switch = Switch(**IN_A_ROW, breaker_failures=failures)
    assert switch.fail(failures - 1) == "closed"
    assert switch.fail() == "open"


@pytest.mark.parametrize("why", [IN_A_ROW, BY_SHARE])
def test_whatever_opens_it_it_stays_open_for_its_time_and_late_results_count_no_more(why: dict[str, Any]) -> None:
    switch = Switch(**why)
    late = switch.enter()
    assert switch.fail(5) == "open"
    assert (switch.breaker.retry_after(), switch.breaker.enter()) == (2.0, None)
    switch.breaker.leave(late, success=True)
    assert switch.breaker.state == "open"


def test_a_success_between_begins_the_row_again_and_what_says_nothing_does_not() -> None:
    switch = Switch(**IN_A_ROW)
    for _ in range(10):
        assert switch.fail(4) == "closed"
        switch.succeed()
    assert switch.fail(4) == "closed"
    switch.end(None, 100)
    assert switch.fail() == "open"


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [(8, 2, "closed"), (8, 3, "open"), (80, 20, "closed"), (79, 19, "closed"), (79, 20, "open")],
)
def test_a_share_of_successes_below_the_ratio_opens_it(good: int, bad: int, state: str) -> None:
    switch = Switch(**BY_SHARE)
    switch.succeed(good)
    assert switch.fail(bad) == state


def test_the_share_counts_from_so_many_calls_on() -> None:
    switch = Switch(**BY_SHARE, breaker_volume=7)
    assert switch.fail(6) == "closed"
    switch.end(None)
    assert switch.breaker.state == "closed"
    assert switch.fail() == "open"


def test_calls_count_for_the_window_alone() -> None:
    switch = Switch(**BY_SHARE, breaker_window=10.0)
    switch.fail(4)
    switch.clock.now = 1009.999999
    assert switch.fail() == "open"

    switch = Switch(**BY_SHARE, breaker_window=10.0)
    switch.fail(4)
    switch.clock.now = 1010.0
    assert switch.fail(4) == "closed"
    assert switch.fail() == "open"


def test_a_failure_that_opens_it_is_counted_only_once() -> None:
    switch = Switch(**BY_SHARE)
    switch.succeed(20)
    assert switch.fail(5) == "closed"
    assert switch.fail() == "open"


# -- how long it stays open


def test_it_lets_nothing_through_until_its_time_is_over() -> None:
    switch = Switch()
    switch.fail(5)
    assert (switch.breaker.retry_after(), switch.breaker.ready(), switch.breaker.enter()) == (2.0, False, None)
    switch.clock.now = 1002.0 - 1e-6
    assert (switch.breaker.ready(), switch.breaker.enter()) == (False, None)
    switch.clock.now = 1002.0
    assert switch.breaker.ready()
    assert switch.breaker.state == "open"
    switch.enter()
    assert switch.breaker.state == "half-open"


def test_the_time_doubles_with_each_failed_probe_up_to_the_longest_and_a_good_one_begins_again() -> None:
    switch = Switch(breaker_backoff_max=10.0)
    switch.fail(5)
    waits: list[float] = []
    for _ in range(5):
        waits.append(switch.wait())
        assert switch.fail() == "open"
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]
    switch.wait()
    assert switch.succeed() == "closed"
    switch.fail(5)
    assert switch.wait() == 2.0


def test_the_jitter_is_a_random_share_on_top() -> None:
    rng = random.Random(1)
    switch = Switch(breaker_jitter=0.5)
    switch.fail(5)
    assert switch.wait() == pytest.approx(2.0 * (1 + 0.5 * rng.random()), abs=1e-9)
    switch.fail()
    assert switch.wait() == pytest.approx(4.0 * (1 + 0.5 * rng.random()), abs=1e-9)


def test_tripping_opens_it_whatever_was_counted_and_again_for_its_whole_time() -> None:
    switch = Switch()
    switch.succeed(100)
    switch.breaker.trip()
    assert (switch.breaker.state, switch.breaker.retry_after()) == ("open", 2.0)
    switch.clock.now += 1.5
    switch.breaker.trip()
    assert switch.breaker.retry_after() == 2.0


def test_a_closed_breaker_has_nothing_to_wait_for() -> None:
    switch = Switch()
    assert (switch.breaker.state, switch.breaker.ready(), switch.breaker.retry_after()) == ("closed", True, 0.0)
    switch.fail()
    assert (switch.breaker.state, switch.breaker.ready(), switch.breaker.retry_after()) == ("closed", True, 0.0)


# -- probes


def test_one_probe_goes_at_a_time() -> None:
    switch = Switch()
    switch.fail(5)
    switch.wait()
    probe = switch.enter()
    assert (switch.breaker.ready(), switch.breaker.enter()) == (False, None)
    switch.clock.now += 100.0
    assert switch.breaker.enter() is None
    switch.breaker.leave(probe, success=True)
    assert switch.breaker.state == "closed"
    assert switch.breaker.enter() is not None


def test_a_probe_that_says_nothing_leaves_its_place_to_the_next() -> None:
    switch = Switch()
    switch.fail(5)
    switch.wait()
    assert switch.end(None) == "half-open"
    assert switch.breaker.ready()
    assert switch.succeed() == "closed"


def test_after_a_good_probe_failures_are_counted_from_none() -> None:
    switch = Switch(**IN_A_ROW)
    switch.fail(5)
    switch.wait()
    switch.succeed()
    assert switch.fail(4) == "closed"
    assert switch.fail() == "open"

    switch = Switch(**BY_SHARE)
    switch.fail(5)
    switch.wait()
    switch.succeed()
    assert switch.fail(4) == "closed"
    assert switch.fail() == "open"


# -- results of an earlier state


def test_a_call_that_began_before_it_opened_neither_closes_it_nor_lets_it_wait_longer() -> None:
    switch = Switch()
    late = [switch.enter() for _ in range(20)]
    switch.fail(5)
    switch.clock.now += 1.5
    for permit in late:
        switch.breaker.leave(permit, success=False)
        switch.breaker.leave(permit, success=True)
    assert (switch.breaker.state, switch.breaker.retry_after()) == ("open", 0.5)


@pytest.mark.parametrize("success", [True, False, None])
def test_a_late_result_is_no_probes_result(success: bool | None) -> None:
    switch = Switch()
    late = switch.enter()
    switch.fail(5)
    switch.wait()
    probe = switch.enter()
    switch.breaker.leave(late, success)
    assert (switch.breaker.state, switch.breaker.enter()) == ("half-open", None)
    switch.breaker.leave(probe, success=False)
    assert (switch.breaker.state, switch.breaker.retry_after()) == ("open", 4.0)


def test_a_probe_that_ends_after_the_breaker_was_tripped_counts_no_more() -> None:
    switch = Switch()
    switch.fail(5)
    switch.wait()
    probe = switch.enter()
    switch.breaker.trip()
    switch.breaker.leave(probe, success=True)
    assert (switch.breaker.state, switch.breaker.retry_after()) == ("open", 2.0)


def test_failures_from_before_it_opened_do_not_open_it_when_it_is_closed_again() -> None:
    switch = Switch()
    late = [switch.enter() for _ in range(20)]
    switch.fail(5)
    switch.wait()
    switch.succeed()
    for permit in late:
        switch.breaker.leave(permit, success=False)
    assert switch.breaker.state == "closed"
    assert switch.fail(4) == "closed"
    assert switch.fail() == "open"
