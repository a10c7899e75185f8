"""A job's budget: how many calls, how many at once, how long. Its home gateway keeps the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import BudgetExhausted, FanOut, UpstreamDeadline
from meshgate.a2a.mesh.lineage import Step
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.jobs.peers import Peers
from meshgate.gateway.observe.records import JobRecord, Records

__all__ = ["Budget"]

_TICK = 0.005
"""Seconds by which a loop's timer may fire early."""
_LEASE = 4
"""Calls that another gateway takes from a job's home at a time."""


class Budget:
    """Spends one call of the job for good, and one of its open calls until the reply ends."""

    name = "budget"

    def __init__(self, records: Records, peers: Peers, clock: Callable[[], float]) -> None:
        self._records = records
        self._peers = peers
        self._clock = clock

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        job = self._records.job(call.lineage.job) if call.lineage is not None else None
        if job is None:
            return await forward(call)
        if not job.home and job.leased <= 0:
            grant = await self._peers.lease(job.id, _LEASE)
            if grant is not None:
                job.learn(grant, self._clock())
        self._spend(job, call)
        deadline = min(call.deadline, job.deadline)
        try:
            reply = await forward(msgspec.structs.replace(call, deadline=deadline))
        except UpstreamDeadline as error:
            job.open -= 1
            if self._clock() < job.deadline - _TICK:
                raise
            # It was the job's time that ran out, not the call's own.
            raise self._exhausted(job, call, "its time is used up", error.metadata) from error
        except BaseException:
            job.open -= 1
            raise

        def give_back(_: Outcome) -> None:
            job.open -= 1

        return reply.on_end(give_back)

    def _spend(self, job: JobRecord, call: Call) -> None:
        now = self._clock()
        if now >= job.deadline:
            raise self._exhausted(job, call, "its time is used up")
        if job.used >= job.call_limit if job.home else job.leased <= 0:
            raise self._exhausted(job, call, "its calls are used up")
        # Like a rate, what may be open at once is shared among the gateways: none need ask the others.
        share = max(1, job.concurrency // self._peers.live)
        if job.open >= share:
            raise FanOut(
                f"job {job.id} has {job.open} calls open at once, the limit is {share} here, {job.concurrency} over "
                f"all gateways (path {_path(call)}; {job.spent(now)})",
                metadata={
                    "path": _path(call),
                    "share": str(share),
                    "limit": str(job.concurrency),
                    "price": job.spent(now),
                },
                retry_after=1.0,
            )
        job.used += 1
        job.open += 1
        if not job.home:
            job.leased -= 1

    def _exhausted(
        self, job: JobRecord, call: Call, what: str, more: Mapping[str, str] | None = None
    ) -> BudgetExhausted:
        price = job.spent(self._clock())
        return BudgetExhausted(
            f"job {job.id}: {what} ({price}; path {_path(call)})",
            metadata={**(more or {}), "path": _path(call), "price": price, "job": job.id},
        )


def _path(call: Call) -> str:
    lineage, route = call.lineage, call.route
    steps = [*(lineage.path if lineage else ()), *([Step(route.agent, route.skill)] if route else [])]
    return " → ".join(f"{step.agent}.{step.skill}" for step in steps)
