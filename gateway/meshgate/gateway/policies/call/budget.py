"""A job's budget: how many calls, how many at once, how long. Its account says what is left."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import BudgetExhausted, UpstreamDeadline
from meshgate.a2a.mesh.lineage import spell, visit
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.jobs.account import Account
from meshgate.gateway.jobs.accounts import Accounts

__all__ = ["Budget"]

_TICK = 0.005
"""Seconds by which a loop's timer may fire early."""


class Budget:
    """Spends one of the job's calls for good, and one of its open calls until the reply ends."""

    name = "budget"
    refuses = True

    def __init__(self, accounts: Accounts, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        if call.lineage is None:
            return await forward(call)
        account = await self._accounts.spend(call.lineage.job, lambda: _path(call))
        if account is None:
            return await forward(call)
        if account.deadline < call.deadline:
            call = msgspec.structs.replace(call, deadline=account.deadline)
        try:
            reply = await forward(call)
        except UpstreamDeadline as error:
            self._accounts.release(account)
            raise self._blame(error, account, call) from error.__cause__
        except BaseException:
            self._accounts.release(account)
            raise

        def give_back(_: Outcome) -> None:
            self._accounts.release(account)

        return reply.on_end(give_back)

    def _blame(self, error: UpstreamDeadline, account: Account, call: Call) -> UpstreamDeadline | BudgetExhausted:
        """The error to raise: BudgetExhausted if the job's time ran out rather than the call's own, else ``error``
        itself.
        """
        now = self._clock()
        if now < account.deadline - _TICK:
            return error
        price, path = account.price(now), _path(call)
        return BudgetExhausted(
            f"job {account.job}: its time is used up ({price}; path {path})",
            metadata={**error.metadata, "path": path, "price": price, "job": account.job},
        )


def _path(call: Call) -> str:
    lineage, route = call.lineage, call.route
    path = lineage.path if lineage is not None else ()
    return spell(visit(path, route.agent, route.skill) if route is not None else path)
