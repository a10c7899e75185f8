"""The accounts of jobs: how many calls a job may spend, how many at once, and how long it may take.

A job's home gateway keeps its account; another gateway borrows calls from there. ``Accounts`` is the interface, and
whatever keeps accounts elsewhere than in memory may wait in it.
"""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from meshgate.a2a.errors import BudgetExhausted, FanOut
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.jobs.account import Account, Grant
from meshgate.gateway.jobs.peers import ALONE, Peers

__all__ = ["Accounts", "MemoryAccounts"]


class Accounts(Protocol):
    """The accounts of jobs. Its coroutines may wait; its plain methods return at once."""

    async def open(self, *, calls: int, seconds: float, concurrency: int) -> str:
        """The id of a new job, whose home is this gateway."""
        ...

    async def adopt(self, job: str, seconds: float) -> None:
        """Keep the local part of a job whose home may be elsewhere; a job that is known stays as it is."""
        ...

    async def spend(self, job: str, path: Callable[[], str]) -> Account | None:
        """Spend one call of the job for good, and one of its open calls until ``release``.

        Args:
            path: the visits of the call, for the error.

        Returns:
            The account, or None if the job has none here (any more): then nothing is counted.

        Raises:
            BudgetExhausted: the job's calls or its time are used up.
            FanOut: too many calls of the job are open.
        """
        ...

    def release(self, account: Account) -> None:
        """Give an open call back."""
        ...

    async def price(self, job: str) -> str | None:
        """What the job has spent, as its home says; None if the home does not answer."""
        ...

    async def lend(self, job: str, calls: int) -> Grant | None:
        """Calls for another gateway; None if this gateway is not the job's home."""
        ...

    def account(self, job: str) -> Account | None:
        """The account as this gateway knows it, for views."""
        ...


class MemoryAccounts:
    """Accounts in memory, bounded in number and age: a job with open calls is not forgotten.

    Args:
        gateway: this gateway's id; the ids of the jobs that it opens begin with it.
        rng: of job ids, which name things and protect nothing.
    """

    def __init__(
        self,
        gateway: str,
        peers: Peers = ALONE,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._gateway = gateway
        self._peers = peers
        self._limits = limits
        self._clock = clock
        self._random = (rng or random.SystemRandom()).getrandbits
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    async def open(self, *, calls: int, seconds: float, concurrency: int) -> str:
        """See ``Accounts.open``."""
        now = self._clock()
        job = f"{self._gateway}.{self._random(64):016x}"
        self._keep(Account(job, now, now + seconds, calls, concurrency))
        return job

    async def adopt(self, job: str, seconds: float) -> None:
        """See ``Accounts.adopt``."""
        if job not in self._accounts:
            now = self._clock()
            self._keep(Account(job, now, now + seconds, 0, 1, home=False))

    def _keep(self, account: Account) -> None:
        accounts = self._accounts
        accounts[account.job] = account
        oldest = account.began - self._limits.record_seconds
        while len(accounts) > self._limits.records or next(iter(accounts.values())).began < oldest:
            victim = next((kept for kept in accounts.values() if kept.open <= 0), account)
            # The oldest job is past its age but has open calls: it stays, and no younger one is dropped in its place.
            if victim is account or (len(accounts) <= self._limits.records and victim.began >= oldest):
                break
            del accounts[victim.job]

    async def spend(self, job: str, path: Callable[[], str]) -> Account | None:
        """See ``Accounts.spend``."""
        account = self._accounts.get(job)
        if account is None:
            return None
        if not account.home and account.leased <= 0:
            grant = await self._peers.lease(job, self._limits.lease_calls)
            if grant is not None:
                account.learn(grant, self._clock())
        now = self._clock()
        if what := account.exhausted(now):
            price = account.price(now)
            raise BudgetExhausted(
                f"job {job}: {what} ({price}; path {path()})", metadata={"path": path(), "price": price, "job": job}
            )
        self._check_open(account, now, path)
        account.used += 1
        account.open += 1
        if not account.home:
            account.leased -= 1
        return account

    def _check_open(self, account: Account, now: float, path: Callable[[], str]) -> None:
        # Like a rate, the limit of open calls is divided among the gateways, so that none needs to ask the others.
        share = max(1, account.concurrency // self._peers.live)
        if account.open < share:
            return
        price = account.price(now)
        raise FanOut(
            f"job {account.job} has {account.open} calls open at once, the limit is {share} here, "
            f"{account.concurrency} over all gateways (path {path()}; {price})",
            metadata={"path": path(), "share": str(share), "limit": str(account.concurrency), "price": price},
            retry_after=1.0,
        )

    def release(self, account: Account) -> None:
        """See ``Accounts.release``."""
        account.open -= 1

    async def price(self, job: str) -> str | None:
        """See ``Accounts.price``."""
        account = self._accounts.get(job)
        if account is None:
            return None
        if not account.home:
            grant = await self._peers.lease(job, 0)
            if grant is None:
                return None
            account.learn(grant, self._clock())
        return account.price(self._clock())

    async def lend(self, job: str, calls: int) -> Grant | None:
        """See ``Accounts.lend``."""
        account = self._accounts.get(job)
        if account is None or not account.home:
            return None
        left = account.deadline - self._clock()
        given = max(0, min(calls, account.call_limit - account.used)) if left > 0 else 0
        account.used += given
        account.leased += given
        lifetime = account.deadline - account.began
        return Grant(given, left, account.used, account.call_limit, account.concurrency, lifetime)

    def account(self, job: str) -> Account | None:
        """See ``Accounts.account``."""
        return self._accounts.get(job)
