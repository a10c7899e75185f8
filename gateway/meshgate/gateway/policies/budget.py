"""A job's budget: how many calls, how many at once, how long. Its home gateway keeps the account."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import BudgetExhausted, FanOut
from meshgate.a2a.lineage import Lineage, Step
from meshgate.a2a.reply import Outcome, Reply
from meshgate.gateway.peers import Grant, Peers
from meshgate.gateway.records import CallRecord, JobRecord, Records

__all__ = ["Budget"]

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
        lineage = call.lineage
        if lineage is None:
            return await forward(call)
        job = self._records.job(lineage.job) or await self._adopt(call, lineage)
        if not job.home and job.leased <= 0:
            await self._top_up(job)
        self._spend(job, call)
        deadline = min(call.deadline, job.deadline)
        try:
            reply = await forward(msgspec.structs.replace(call, deadline=deadline))
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
        if job.used >= job.call_limit or (not job.home and job.leased <= 0):
            raise self._exhausted(job, call, "its calls are used up")
        if job.open >= job.concurrency:
            raise FanOut(
                f"job {job.id} has {job.open} calls open at once, the limit is {job.concurrency} "
                f"(path {_path(call)}; {job.spent(now)})",
                metadata={"path": _path(call), "limit": str(job.concurrency), "price": job.spent(now)},
                retry_after=1.0,
            )
        job.used += 1
        job.open += 1
        if not job.home:
            job.leased -= 1

    def _exhausted(self, job: JobRecord, call: Call, what: str) -> BudgetExhausted:
        price = job.spent(self._clock())
        return BudgetExhausted(
            f"job {job.id}: {what} ({price}; path {_path(call)})",
            metadata={"path": _path(call), "price": price, "job": job.id},
        )

    async def _adopt(self, call: Call, lineage: Lineage) -> JobRecord:
        grant = await self._peers.lease(lineage.job, _LEASE)
        now = self._clock()
        grant = grant or Grant(0, 0.0, 0, 0, 0)
        known = self._records.job(lineage.job)  # another call of the job may have been quicker
        if known is not None:
            known.leased += grant.calls
            return known
        record = call.fact(CallRecord)
        tenant, principal = (record.tenant, record.principal) if record is not None else ("", "")
        job = JobRecord(
            lineage.job,
            tenant,
            principal,
            record.started if record is not None else 0.0,
            now + grant.seconds,
            now + grant.seconds - grant.job_seconds,
            grant.limit,
            max(1, grant.concurrency // self._peers.live) if grant.concurrency else 1,
            used=grant.used,
            leased=grant.calls,
            home=False,
        )
        self._records.adopt(job)
        if record is not None and record not in job.calls:
            job.calls.append(record)
        return job

    async def _top_up(self, job: JobRecord) -> None:
        grant = await self._peers.lease(job.id, _LEASE)
        if grant is not None:
            job.leased += grant.calls
            job.used = max(job.used, grant.used)
            job.call_limit = grant.limit
            job.deadline = self._clock() + grant.seconds


def _path(call: Call) -> str:
    lineage, route = call.lineage, call.route
    steps = [*(lineage.path if lineage else ()), *([Step(route.agent, route.skill)] if route else [])]
    return " → ".join(f"{step.agent}.{step.skill}" for step in steps)
