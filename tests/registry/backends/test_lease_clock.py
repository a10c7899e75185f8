"""Leases, timed by their readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.registry.backends.lease_clock import LeaseClock


def watched(ages: LeaseClock, start: float, seconds: float, counters: dict[str, object] | None = None) -> None:
    for step in range(round(seconds * 10) + 1):
        ages.look(start + step / 10, counters)


def test_a_lease_is_over_when_its_counter_stood_still_for_its_term() -> None:
    ages = LeaseClock(10.0)
    ages.look(0.0, {"a": 1, "b": 1})
    watched(ages, 0.0, 4.9)
    ages.look(5.0, {"a": 2, "b": 1})
    watched(ages, 5.0, 4.9)
    assert ages.over() == set()

    ages.look(10.0, {"a": 3, "b": 1})
    assert ages.over() == {"b"}


@pytest.mark.requirement("registry.nobody_evicted")
def test_a_new_reader_gives_every_lease_a_full_term() -> None:
    ages = LeaseClock(10.0)
    ages.look(5000.0, {"a": 77})
    watched(ages, 5000.0, 9.9)
    assert ages.over() == set()


def test_a_reader_that_was_stopped_does_not_count_that_time() -> None:
    ages = LeaseClock(10.0, max_gap=1.0)
    ages.look(0.0, {"a": 1})
    ages.look(600.0)

    assert ages.over() == set()


def test_a_lease_that_is_no_longer_listed_is_forgotten() -> None:
    ages = LeaseClock(1.0)
    ages.look(0.0, {"a": 1})
    ages.look(1.0, {})

    assert ages.over() == set()


def test_a_counter_that_went_back_counts_as_renewed() -> None:
    ages = LeaseClock(1.0)
    ages.look(0.0, {"a": (1, 9)})
    ages.look(1.0, {"a": (2, 0)})

    assert ages.over() == set()


@given(st.lists(st.floats(0.0, 0.9), max_size=50))
def test_a_lease_renewed_before_each_look_is_never_over(gaps: list[float]) -> None:
    ages, now = LeaseClock(1.0), 0.0
    for number, gap in enumerate(gaps):
        now += gap
        ages.look(now, {"a": number})
        assert ages.over() == set()


@pytest.mark.requirement("registry.full")
def test_where_no_counter_moves_time_stands_still_after_half_a_term() -> None:
    ages = LeaseClock(10.0)
    ages.look(0.0, {"a": 1, "gw": 1})
    watched(ages, 0.0, 3600.0)
    assert ages.over() == set()

    ages.look(3600.1, {"a": 1, "gw": 2})  # it can be written again, and half a term is left to everybody
    watched(ages, 3600.1, 4.9)
    assert ages.over() == set()
    ages.look(3605.1, {"a": 1, "gw": 3})
    assert ages.over() == {"a"}


@pytest.mark.requirement("registry.full")
@pytest.mark.parametrize("counters", [{"a": 1}, {"a": 1, "b": 1, "c": 1}])
def test_a_lease_that_comes_or_goes_shows_that_the_store_can_be_written(counters: dict[str, object]) -> None:
    ages = LeaseClock(10.0)
    ages.look(0.0, {"a": 1, "b": 1})
    watched(ages, 0.0, 5.0)
    ages.look(5.0, counters)
    watched(ages, 5.0, 5.0)
    assert "a" in ages.over()
