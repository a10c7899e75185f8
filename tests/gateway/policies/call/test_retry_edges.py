"""What a retry budget remembers of calls: one entry a second, however many there were."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import pytest

from meshgate.gateway.policies.call.retry import RetryBudget
from tests.gateway.calls import Clock


@pytest.mark.requirement("path.retry_budget")
def test_the_calls_of_a_second_are_one_entry_in_its_memory() -> None:
    clock = Clock()
    budget = RetryBudget(0.2, 0.0, clock)
    for second in range(30):
        clock.now = 1000.0 + second
        for _ in range(20):
            budget.called()
        assert budget.take()
    assert [list(entry) for entry in budget._seconds] == [[1020 + number, 20, 1] for number in range(10)]
