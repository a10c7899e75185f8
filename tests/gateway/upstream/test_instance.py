"""What a gateway knows of one instance: how fast it is, how loaded, and whether it may be sent to."""

from __future__ import annotations

import math

import pytest

from meshgate.gateway.upstream.instance import Health
from meshgate.registry.model import Endpoint
from tests.gateway.calls import Clock, chosen, instance, make_call


def test_a_slower_answer_counts_at_once() -> None:
    where = instance(Clock())
    where.observe(0.1)
    assert where.latency == 0.1
    where.observe(0.5)
    assert where.latency == 0.5


@pytest.mark.parametrize("passed", [0.0, 1.0, 10.0, 60.0])
def test_a_faster_answer_counts_with_the_time_that_has_passed(passed: float) -> None:
    clock = Clock()
    where = instance(clock)
    where.observe(0.5)
    clock.now += passed
    where.observe(0.1)
    assert where.latency == pytest.approx(0.1 + 0.4 * math.exp(-passed / 10.0), abs=1e-12)


def test_the_time_counts_from_the_sample_before() -> None:
    clock = Clock()
    where = instance(clock)
    where.observe(1.0)
    for _ in range(10):
        clock.now += 1.0
        where.observe(0.0)
    assert where.latency == pytest.approx(math.exp(-1.0), abs=1e-12)


def test_the_load_grows_with_open_calls_and_latency_and_falls_with_weight() -> None:
    clock = Clock()
    where = instance(clock)
    assert where.load() == 1e-4
    chosen(make_call(), where, clock)
    chosen(make_call(), where, clock)
    assert where.pending == 2
    assert where.load() == pytest.approx(3e-4)
    where.observe(0.1)
    assert where.load() == pytest.approx(3 * 0.1001)
    heavy = instance(clock, weight=4.0)
    heavy.observe(0.1)
    assert heavy.load() == pytest.approx(0.1001 / 4)


def test_it_may_be_sent_to_unless_it_is_unhealthy_hangs_or_is_left_alone_by_its_breaker() -> None:
    where = instance(Clock())
    assert where.ready()
    assert (where.health, where.listed, where.probing) == (Health.WELL, True, None)
    where.healthy = False
    assert not where.ready()
    where.healthy, where.hung = True, True
    assert not where.ready()
    where.hung = False
    where.health = Health.SILENT
    assert where.ready()
    where.breaker.trip()
    assert not where.ready()


@pytest.mark.requirement("instance.silent")
@pytest.mark.parametrize("healthy", [False, True])
@pytest.mark.parametrize("hung", [False, True])
@pytest.mark.parametrize("health", [Health.SILENT, Health.FAILED, Health.WELL])
@pytest.mark.parametrize("breaker", ["closed", "silenced", "failing", "tripped"])
def test_it_is_only_silent_if_it_is_out_does_not_answer_and_no_call_failed(
    healthy: bool, hung: bool, health: Health, breaker: str
) -> None:
    where = instance(Clock())
    where.healthy, where.hung, where.health = healthy, hung, health
    if breaker == "failing":
        where.breaker.leave(where.breaker.enter() or 0, success=False)
    elif breaker != "closed":
        where.breaker.trip(silent=breaker == "silenced")
    out = hung or not healthy
    assert where.silent() is (out and health is Health.SILENT and breaker in ("closed", "silenced"))


def test_its_address_is_the_first_whose_binding_is_spoken() -> None:
    http, grpc = Endpoint("JSONRPC", "http://a"), Endpoint("GRPC", "a:1")
    both = instance(Clock(), endpoints=(grpc, http))
    assert both.endpoint(frozenset({("JSONRPC", "1.0"), ("GRPC", "1.0")})) == grpc
    assert both.endpoint(frozenset({("JSONRPC", "1.0")})) == http
    assert instance(Clock(), endpoints=(http,)).endpoint(frozenset({("GRPC", "1.0")})) is None


@pytest.mark.requirement("instance.weight")
def test_a_weight_divides_the_load_and_none_counts_as_one() -> None:
    clock = Clock()
    loads = {weight: instance(clock, weight=weight).load() for weight in (0.0, 0.5, 1.0, 4.0)}
    assert loads == {0.0: loads[1.0], 0.5: 2 * loads[1.0], 1.0: loads[1.0], 4.0: loads[1.0] / 4}


@pytest.mark.requirement("stream.first")
def test_it_is_warm_once_a_call_was_answered() -> None:
    where = instance(Clock())
    assert not where.warm
    where.observe(0.1)
    assert where.warm
