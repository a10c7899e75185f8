"""What a call costs its job, and what the job's time means for it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import BudgetExhausted, FanOut, MeshError, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.gateway.jobs.account import Account
from meshgate.gateway.jobs.accounts import MemoryAccounts
from meshgate.gateway.policies.call.budget import Budget
from tests.gateway.calls import ECHO, Behind, Clock, make_call

pytestmark = pytest.mark.requirement("path.budget")


class Purse:
    """The policy, and the account of one job."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.accounts = MemoryAccounts("gw", clock=self.clock, rng=random.Random(7))
        self.policy = Budget(self.accounts, self.clock)
        self.job = ""

    async def open(self, *, calls: int = 3, seconds: float = 10.0, concurrency: int = 2) -> Account:
        self.job = await self.accounts.open(calls=calls, seconds=seconds, concurrency=concurrency)
        account = self.accounts.account(self.job)
        assert account is not None
        return account

    def call(self, **changes: Any) -> Call:
        usual: dict[str, Any] = {"lineage": Lineage(self.job, "", (Step("a", "x"),)), "route": ECHO}
        return make_call(**{**usual, **changes})


async def test_a_call_is_spent_for_good_and_open_until_its_reply_ends() -> None:
    purse = Purse()
    account = await purse.open()
    reply = await purse.policy(purse.call(), Behind())
    assert (account.used, account.open) == (1, 1)
    await reply.answer()
    assert (account.used, account.open) == (1, 0)
    await (await purse.policy(purse.call(), Behind())).aclose()
    assert (account.used, account.open) == (2, 0)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), UpstreamDeadline(), asyncio.CancelledError(), KeyError()])
async def test_a_call_that_fails_is_spent_all_the_same_and_is_open_no_more(error: BaseException) -> None:
    purse = Purse()
    account = await purse.open()
    with pytest.raises(type(error)):
        await purse.policy(purse.call(), Behind(error))
    assert (account.used, account.open) == (1, 0)


async def test_a_job_has_as_many_calls_as_its_budget_and_the_refusal_spends_none() -> None:
    purse, behind = Purse(), Behind()
    account = await purse.open(calls=2)
    for _ in range(2):
        await (await purse.policy(purse.call(), Behind())).answer()
    purse.clock.now += 1.25
    with pytest.raises(BudgetExhausted) as refused:
        await purse.policy(purse.call(), behind)
    assert refused.value.message == (
        f"job {purse.job}: its calls are used up (2/2 calls, 1.2/10 s; path a.x → echo.say)"
    )
    assert refused.value.metadata == {"path": "a.x → echo.say", "price": "2/2 calls, 1.2/10 s", "job": purse.job}
    assert (behind.calls, account.used, account.open) == ([], 2, 0)


async def test_as_many_are_open_at_once_as_the_job_may_have() -> None:
    purse = Purse()
    await purse.open(concurrency=2)
    first = await purse.policy(purse.call(), Behind())
    await purse.policy(purse.call(), Behind())
    with pytest.raises(FanOut):
        await purse.policy(purse.call(), Behind())
    await first.aclose()
    await purse.policy(purse.call(), Behind())


@pytest.mark.parametrize(("deadline", "given"), [(1009.0, 1009.0), (1010.0, 1010.0), (1010.5, 1010.0), (1e9, 1010.0)])
async def test_a_call_ends_with_the_time_of_its_job(deadline: float, given: float) -> None:
    purse, behind = Purse(), Behind()
    await purse.open(seconds=10.0)
    await purse.policy(purse.call(deadline=deadline), behind)
    assert behind.last.deadline == given


@pytest.mark.parametrize(
    ("passed", "kind"),
    [(9.9949, UpstreamDeadline), (9.9951, BudgetExhausted), (10.0, BudgetExhausted), (12.0, BudgetExhausted)],
)
async def test_what_the_jobs_time_cut_short_says_so(passed: float, kind: type[MeshError]) -> None:
    purse = Purse()
    await purse.open(seconds=10.0)
    cause = KeyError("the cause")

    async def forward(_: Call) -> Any:
        purse.clock.now += passed
        raise UpstreamDeadline("late", metadata={"outcome": "unknown"}) from cause

    with pytest.raises(kind) as ended:
        await purse.policy(purse.call(deadline=1010.0), forward)
    assert ended.value.__cause__ is cause
    assert ended.value.metadata["outcome"] == "unknown"
    if kind is BudgetExhausted:
        price = f"1/3 calls, {passed:.1f}/10 s"
        assert ended.value.message == f"job {purse.job}: its time is used up ({price}; path a.x → echo.say)"
        assert ended.value.metadata == {
            "outcome": "unknown",
            "path": "a.x → echo.say",
            "price": price,
            "job": purse.job,
        }


async def test_without_a_job_or_an_account_nothing_is_counted() -> None:
    purse, behind = Purse(), Behind()
    for lineage in (None, Lineage("gw.unknown", "")):
        call = purse.call(lineage=lineage)
        await purse.policy(call, behind)
        assert behind.last is call
