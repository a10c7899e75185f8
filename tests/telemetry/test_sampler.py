"""Which jobs are traced."""

import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.sampler import Sampler
from tests.telemetry.contexts import SPAN, TRACE


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.requirement("trace.sampling")
def test_every_job_is_recorded_up_to_the_rate() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock)
    for _ in range(200):
        assert sampler.sample(None)
        clock.now += 0.05


def test_beyond_the_rate_one_job_in_so_many_is_recorded() -> None:
    sampler = Sampler(20.0, Clock(), rest=100)
    decisions = [sampler.sample(None) for _ in range(1020)]
    assert all(decisions[:20])
    assert [at for at, recorded in enumerate(decisions[20:], 1) if recorded] == list(range(100, 1001, 100))


def test_beyond_the_rate_no_job_is_recorded_if_the_share_is_0() -> None:
    sampler = Sampler(2.0, Clock(), rest=0)
    assert [sampler.sample(None) for _ in range(500)].count(True) == 2


def test_the_rate_is_there_again_after_a_second_and_does_not_pile_up() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock, rest=0)
    for _ in range(50):
        sampler.sample(None)
    clock.now += 1.0
    assert [sampler.sample(None) for _ in range(50)].count(True) == 20
    clock.now += 3600.0
    assert [sampler.sample(None) for _ in range(50)].count(True) == 20


@pytest.mark.requirement("trace.sampling")
def test_a_flood_of_set_bits_spends_from_the_same_rate() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock, rest=100)
    asked = TraceContext(TRACE, SPAN, sampled=True)
    recorded = 0
    for _ in range(10_000):
        recorded += sampler.sample(asked)
        clock.now += 0.001
    assert recorded <= 20 + 10 * 20 + 100
    assert not sampler.sample(None)


def test_a_caller_that_asks_for_no_record_gets_none_and_spends_nothing() -> None:
    sampler = Sampler(20.0, Clock(), rest=1)
    refused = TraceContext(TRACE, SPAN, sampled=False)
    assert not any(sampler.sample(refused) for _ in range(100))
    assert [sampler.sample(None) for _ in range(20)].count(True) == 20


def test_a_rate_below_one_a_second_records_a_job_now_and_then() -> None:
    clock = Clock()
    sampler = Sampler(0.1, clock, rest=0)
    decisions = list[bool]()
    for _ in range(31):
        decisions.append(sampler.sample(None))
        clock.now += 1.0
    assert decisions.count(True) in {3, 4}  # 0.1 is no binary fraction
    assert decisions[0]


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    sampler = Sampler(1.0, clock, rest=0)
    assert sampler.sample(None)
    clock.now -= 100.0
    assert not sampler.sample(None)


def test_a_rate_of_0_records_nothing_but_the_share() -> None:
    sampler = Sampler(0.0, Clock(), rest=10)
    assert [sampler.sample(None) for _ in range(100)].count(True) == 10


@pytest.mark.parametrize(("rate", "rest"), [(-1.0, 1), (1.0, -1)])
def test_a_negative_setting_is_refused(rate: float, rest: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        Sampler(rate, Clock(), rest)


def test_the_defaults_record_20_jobs_a_second_and_one_in_100_beyond() -> None:
    assert (DEFAULTS.traces, DEFAULTS.traces_beyond) == (20.0, 100)
