"""A call that ends when its job has just so much time left as a timer may be early."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import BudgetExhausted, UpstreamDeadline
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.call import budget
from tests.gateway.policies.call.test_budget import Purse


@pytest.mark.requirement("path.budget")
async def test_a_timer_that_is_as_early_as_one_may_be_counts_as_the_end_of_the_job() -> None:
    purse = Purse()
    account = await purse.open(seconds=10.0)

    async def forward(_: Call) -> Reply:
        purse.clock.now = account.deadline - budget._TICK
        raise UpstreamDeadline("late")

    with pytest.raises(BudgetExhausted):
        await purse.policy(purse.call(deadline=1010.0), forward)
