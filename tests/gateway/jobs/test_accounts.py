"""The accounts of jobs: what is spent, what is lent to other gateways, and which accounts are kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from meshgate.a2a.errors import BudgetExhausted, FanOut
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Account, Grant
from meshgate.gateway.jobs.accounts import MemoryAccounts
from tests.gateway.calls import Clock, limits

pytestmark = pytest.mark.requirement("path.budget")


class Home:
    """Another gateway, which is the home of a job and has so many calls left to lend."""

    def __init__(self, live: int = 1) -> None:
        self.live = live
        self.left = 0
        self.asked: list[int] = []
        self.answers = True

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        return []

    async def lease(self, job: str, calls: int) -> Grant | None:
        self.asked.append(calls)
        given = min(calls, self.left)
        self.left -= given
        return Grant(given, 30.0, 256 - self.left, 256, 8, 900.0) if self.answers else None


class Books:
    def __init__(self, home: Home | None = None, **changes: Any) -> None:
        self.clock, self.home = Clock(), home or Home()
        self.accounts = MemoryAccounts("gw", self.home, limits(**changes), self.clock, random.Random(7))

    async def open(self, *, calls: int = 3, seconds: float = 10.0, concurrency: int = 99) -> Account:
        return self.at(await self.accounts.open(calls=calls, seconds=seconds, concurrency=concurrency))

    async def adopt(self, job: str = "gw2.1", seconds: float = 5.0) -> Account:
        await self.accounts.adopt(job, seconds)
        return self.at(job)

    def at(self, job: str) -> Account:
        account = self.accounts.account(job)
        assert account is not None
        return account

    async def spend(self, job: str) -> str:
        """Spend one call; the refusal, or ""."""
        try:
            await self.accounts.spend(job, lambda: "a.x")
        except (BudgetExhausted, FanOut) as error:
            return error.message
        return ""

    async def spendable(self, job: str) -> int:
        """How many calls can be spent one after the other."""
        for count in range(10_000):
            if await self.spend(job):
                return count
            self.accounts.release(self.at(job))
        raise AssertionError("there is no end of calls")


# -- at home


async def test_jobs_are_named_after_their_home_and_no_two_alike() -> None:
    books = Books()
    jobs = [(await books.open()).job for _ in range(100)]
    assert all(job.startswith("gw.") and len(job) == len("gw.") + 16 for job in jobs)
    assert len(set(jobs)) == 100


@pytest.mark.parametrize("calls", [1, 2, 256])
async def test_a_job_has_as_many_calls_as_it_was_given(calls: int) -> None:
    books = Books()
    account = await books.open(calls=calls)
    assert await books.spendable(account.job) == calls
    assert (account.used, account.open) == (calls, 0)


async def test_a_job_has_its_time_and_no_longer() -> None:
    books = Books()
    account = await books.open(seconds=10.0)
    books.clock.now = 1010.0 - 1e-6
    assert await books.spend(account.job) == ""
    books.clock.now = 1010.0
    assert await books.spend(account.job) == (
        f"job {account.job}: its time is used up (1/3 calls, 10.0/10 s; path a.x)"
    )


@pytest.mark.parametrize(("concurrency", "live", "share"), [(6, 1, 6), (6, 2, 3), (6, 4, 1), (6, 9, 1), (7, 2, 3)])
async def test_what_may_be_open_at_once_is_shared_among_the_gateways(concurrency: int, live: int, share: int) -> None:
    books = Books(Home(live))
    account = await books.open(calls=99, concurrency=concurrency)
    for _ in range(share):
        assert await books.spend(account.job) == ""
    with pytest.raises(FanOut) as refused:
        await books.accounts.spend(account.job, lambda: "a.x")
    price = f"{share}/99 calls, 0.0/10 s"
    assert refused.value.message == (
        f"job {account.job} has {share} calls open at once, the limit is {share} here, "
        f"{concurrency} over all gateways (path a.x; {price})"
    )
    assert refused.value.metadata == {"path": "a.x", "share": str(share), "limit": str(concurrency), "price": price}
    assert refused.value.retry_after == 1.0
    assert account.used == share
    books.accounts.release(account)
    assert await books.spend(account.job) == ""


async def test_a_job_without_an_account_is_not_counted() -> None:
    books = Books()
    assert await books.accounts.spend("gw.unknown", lambda: "") is None
    assert await books.accounts.price("gw.unknown") is None


async def test_the_price_is_what_was_spent_of_what() -> None:
    books = Books()
    account = await books.open()
    await books.spend(account.job)
    books.clock.now += 2.56
    assert await books.accounts.price(account.job) == "1/3 calls, 2.6/10 s"


# -- calls that are lent


async def test_what_is_lent_is_spent_at_home_and_never_more_than_is_left() -> None:
    books = Books()
    account = await books.open(calls=6)
    await books.spend(account.job)
    assert await books.accounts.lend(account.job, 4) == Grant(4, 10.0, 5, 6, 99, 10.0)
    assert await books.accounts.lend(account.job, 4) == Grant(1, 10.0, 6, 6, 99, 10.0)
    assert await books.accounts.lend(account.job, 4) == Grant(0, 10.0, 6, 6, 99, 10.0)
    assert (account.used, account.leased) == (6, 5)
    assert await books.spendable(account.job) == 0


async def test_asking_for_no_calls_tells_the_price_alone() -> None:
    books = Books()
    account = await books.open()
    assert await books.accounts.lend(account.job, 0) == Grant(0, 10.0, 0, 3, 99, 10.0)


@pytest.mark.parametrize(("passed", "given"), [(10.0 - 2.0**-20, 3), (10.0, 0), (11.0, 0)])
async def test_nothing_is_lent_when_the_time_is_over(passed: float, given: int) -> None:
    books = Books()
    account = await books.open()
    books.clock.now += passed
    assert await books.accounts.lend(account.job, 4) == Grant(given, 10.0 - passed, given, 3, 99, 10.0)


async def test_only_the_home_lends() -> None:
    books = Books()
    await books.adopt()
    assert await books.accounts.lend("gw2.1", 4) is None
    assert await books.accounts.lend("gw2.2", 4) is None


# -- away from home


async def test_away_from_home_four_calls_are_borrowed_at_a_time_and_only_when_none_is_left() -> None:
    books = Books()
    books.home.left = 6
    await books.adopt()
    assert await books.spendable("gw2.1") == 6
    assert books.home.asked == [4, 4, 4]


async def test_how_many_calls_are_borrowed_at_a_time_is_a_limit() -> None:
    books = Books(lease_calls=5)
    books.home.left = 6
    await books.adopt()
    assert await books.spendable("gw2.1") == 6
    assert books.home.asked == [5, 5, 5]


async def test_what_the_home_says_counts_from_the_first_loan_on() -> None:
    books = Books()
    books.home.left = 100
    account = await books.adopt(seconds=5.0)
    assert (account.deadline, account.call_limit, account.concurrency) == (1005.0, 0, 1)
    await books.spend("gw2.1")
    assert (account.deadline, account.began, account.call_limit) == (1030.0, 130.0, 256)
    assert (account.concurrency, account.leased) == (8, 3)
    assert account.used == 160 - 4 + 1  # of the 160 that the home counts, four are here, one of them spent


async def test_without_a_word_of_the_home_only_what_was_borrowed_is_spent() -> None:
    books = Books()
    books.home.left = 4
    await books.adopt()
    await books.spend("gw2.1")
    books.home.answers = False
    assert await books.spendable("gw2.1") == 3
    assert (await books.spend("gw2.1")).startswith("job gw2.1: its calls are used up")
    assert await books.accounts.price("gw2.1") is None


async def test_a_price_away_from_home_is_asked_of_the_home() -> None:
    books = Books()
    books.home.left = 100
    await books.adopt()
    assert await books.accounts.price("gw2.1") == "156/256 calls, 870.0/900 s"
    assert books.home.asked == [0]


async def test_a_job_that_is_known_stays_as_it_is_when_another_call_of_it_comes() -> None:
    books = Books()
    account = await books.open()
    await books.accounts.adopt(account.job, 500.0)
    assert books.at(account.job) is account
    assert (account.home, account.deadline) == (True, 1010.0)
    adopted = await books.adopt(seconds=5.0)
    assert await books.adopt(seconds=9.0) is adopted


# -- which are kept


async def test_accounts_are_bounded_in_number_and_the_oldest_goes() -> None:
    books = Books(records=3)
    jobs = [(await books.open()).job for _ in range(4)]
    assert [books.accounts.account(job) is not None for job in jobs] == [False, True, True, True]


async def test_a_job_with_open_calls_is_not_forgotten_whatever_the_number() -> None:
    books = Books(records=2)
    first = await books.open()
    await books.spend(first.job)
    jobs = [(await books.open()).job for _ in range(3)]
    assert [books.accounts.account(job) is not None for job in (first.job, *jobs)] == [True, False, False, True]
    books.accounts.release(first)
    await books.open()
    assert books.accounts.account(first.job) is None


async def test_an_account_is_kept_for_its_time_and_goes_with_the_next_job_after_it() -> None:
    books = Books(record_seconds=100.0)
    first = await books.open()
    books.clock.now += 100.0
    await books.open()
    assert books.accounts.account(first.job) is first
    books.clock.now += 1e-6
    await books.open()
    assert books.accounts.account(first.job) is None


async def test_an_old_job_that_is_open_takes_no_younger_one_with_it() -> None:
    books = Books(record_seconds=100.0)
    old = await books.open(seconds=900.0)
    await books.spend(old.job)
    books.clock.now += 60.0
    younger = await books.open(seconds=900.0)
    books.clock.now += 60.0
    await books.open()
    assert books.accounts.account(old.job) is old
    assert books.accounts.account(younger.job) is younger
    books.clock.now += 50.0
    await books.open()
    assert books.accounts.account(younger.job) is None
