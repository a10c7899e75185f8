"""What a breaker remembers of calls: one entry a second, however many there were."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import pytest

from tests.gateway.upstream.test_breaker import Switch


@pytest.mark.requirement("path.breaker")
def test_the_calls_of_a_second_are_one_entry_in_its_memory() -> None:
    switch = Switch(breaker_window=10)
    for second in range(30):
        switch.clock.now = 1000.0 + second
        switch.succeed(20)
    assert [list(bucket) for bucket in switch.breaker._calls] == [[1020 + number, 20, 20] for number in range(10)]


# -- an instance that is only silent


@pytest.mark.requirement("instance.silent")
def test_a_breaker_that_silence_alone_opened_closes_with_the_answer_without_back_off() -> None:
    switch = Switch()
    assert not switch.breaker.silenced
    switch.breaker.trip(silent=True)
    switch.breaker.trip(silent=True)
    assert (switch.breaker.state, switch.breaker.silenced, switch.breaker.ready()) == ("open", True, False)
    switch.breaker.answered()
    assert (switch.breaker.state, switch.breaker.silenced, switch.breaker.ready()) == ("closed", False, True)
    assert not switch.breaker.failing


@pytest.mark.requirement("instance.silent")
def test_a_breaker_that_opened_for_anything_else_stays_open_when_the_health_route_answers() -> None:
    tripped, failed, first_silent = Switch(), Switch(), Switch()
    tripped.breaker.trip()
    failed.breaker.leave(failed.breaker.enter() or 0, success=False)
    failed.breaker.trip(silent=True)
    first_silent.breaker.trip(silent=True)
    first_silent.breaker.trip()
    for switch in (tripped, failed, first_silent):
        assert not switch.breaker.silenced
        switch.breaker.answered()
        assert switch.breaker.state == "open"
