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
