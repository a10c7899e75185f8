"""Rates: so many calls at once, then one each time that the rate allows it."""

from __future__ import annotations

import random

import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import RateLimited
from meshgate.gateway.jobs.rates import Rates
from tests.gateway.calls import ANN, Clock

pytestmark = pytest.mark.requirement("path.rate")


class Bucket:
    """Rates, and how many calls they let through at once."""

    def __init__(self, rate: float, burst: int, live: int = 1, now: float = 1000.0, keys: int = 100_000) -> None:
        self.clock, self.live = Clock(now), live
        self.rates = Rates(rate, burst, lambda: self.live, self.clock, keys)
        self.refusal = RateLimited()

    def at_once(self, principal: Principal = ANN, agent: str = "echo") -> int:
        for count in range(10_000):
            try:
                self.rates.take(principal, agent)
            except RateLimited as refused:
                self.refusal = refused
                return count
        raise AssertionError("there is no end of calls")


@pytest.mark.parametrize(("rate", "burst"), [(2.0, 3), (10.0, 10), (3.0, 7), (7.0, 100), (500.0, 1000), (0.5, 2)])
def test_a_whole_burst_comes_through_at_any_time_and_not_one_call_more(rate: float, burst: int) -> None:
    times = random.Random(5)
    for _ in range(20):
        assert Bucket(rate, burst, now=times.uniform(0, 1e6)).at_once() == burst


def test_an_empty_bucket_says_when_to_come_back_and_then_there_is_one_call() -> None:
    bucket = Bucket(2.0, 3)
    assert bucket.at_once() == 3
    assert bucket.refusal.retry_after == 0.5
    bucket.clock.now += 0.5 - 2e-6
    assert bucket.at_once() == 0
    bucket.clock.now = 1000.5
    assert bucket.at_once() == 1
    assert bucket.refusal.retry_after == 0.5


def test_a_bucket_fills_no_further_than_the_burst() -> None:
    bucket = Bucket(2.0, 3)
    bucket.at_once()
    bucket.clock.now += 1.0
    assert bucket.at_once() == 2
    bucket.clock.now += 3600.0
    assert bucket.at_once() == 3


def test_a_refused_call_spends_nothing() -> None:
    bucket = Bucket(2.0, 3)
    for _ in range(50):
        bucket.at_once()
    bucket.clock.now += 0.5
    assert bucket.at_once() == 1


def test_tenant_principal_and_agent_have_a_bucket_each() -> None:
    bucket = Bucket(2.0, 3)
    others = (Principal("user", "bob"), Principal("user", "ann", "acme"))
    assert [bucket.at_once(), bucket.at_once(agent="other"), bucket.at_once(agent="")] == [3, 3, 3]
    assert [bucket.at_once(other) for other in others] == [3, 3]
    assert [bucket.at_once(Principal("agent", "ann")), bucket.at_once()] == [0, 0]


@pytest.mark.parametrize(("live", "calls", "wait"), [(1, 6, 0.25), (2, 3, 0.5), (4, 1, 1.0), (5, 1, 1.0), (9, 1, 1.0)])
def test_gateways_share_rate_and_burst_and_none_has_less_than_one(live: int, calls: int, wait: float) -> None:
    bucket = Bucket(4.0, 6, live)
    assert bucket.at_once() == calls
    assert bucket.refusal.retry_after == pytest.approx(wait * (calls + 1) - (6 / live if live < 6 else 1) * wait)


def test_a_gateway_that_goes_leaves_its_share_to_the_others() -> None:
    bucket = Bucket(4.0, 8, 2)
    assert bucket.at_once() == 4
    bucket.live = 1
    bucket.clock.now += 0.25 - 2e-6
    assert bucket.at_once() == 0
    bucket.clock.now = 1000.25
    assert bucket.at_once() == 1


def test_a_refusal_says_who_what_how_often_and_the_share() -> None:
    bucket = Bucket(4.0, 6, 2)
    bucket.at_once()
    assert bucket.refusal.message == "ann may call echo 2 times a second here (burst 3; 4 a second over 2 gateways)"
    assert bucket.refusal.metadata == {"share": "2/s", "limit": "4/s"}
    alone = Bucket(4.0, 6)
    alone.at_once(agent="")
    assert alone.refusal.message == (
        "ann may ask for what is not here 4 times a second here (burst 6; 4 a second over 1 gateway)"
    )


def test_the_bucket_used_longest_ago_goes_when_there_are_too_many() -> None:
    bucket = Bucket(1.0, 1, keys=3)
    assert [bucket.at_once(agent=name) for name in "abcad"] == [1, 1, 1, 0, 1]
    assert [bucket.at_once(agent=name) for name in "bcda"] == [0, 0, 0, 1]  # "a" made room for "d"
    bucket.clock.now += 1.0
    assert [bucket.at_once(agent=name) for name in "bade"] == [1, 1, 1, 1]
    assert [bucket.at_once(agent=name) for name in "adeb"] == [0, 0, 0, 1]


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_limit_that_lets_nothing_through_is_no_limit(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate > 0 and burst >= 1"):
        Rates(rate, burst, lambda: 1, Clock())
