"""The records of one gateway: a bounded number of recent jobs and calls, for ``meshgate job`` and the admin API."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.observe.call_record import AttemptRecord, CallRecord, JobRecord

__all__ = ["Records"]


class Records:
    """The newest jobs with their calls, bounded in number, age and calls a job.

    Args:
        gateway: this gateway's id.
        clock: monotonic seconds. wall: seconds since the epoch.
    """

    def __init__(
        self,
        gateway: str,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.gateway = gateway
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._jobs: OrderedDict[str, JobRecord] = OrderedDict()
        self._calls: dict[str, CallRecord] = {}
        self._others: OrderedDict[str, CallRecord] = OrderedDict()
        self._uncounted: set[str] = set()

    def open(self, call_id: str, method: str, binding: str, selector: str) -> CallRecord:
        """Begin the record of a call."""
        record = CallRecord(call_id, method, binding, selector, self.gateway, self._wall(), self._clock())
        self._calls[call_id] = record
        return record

    def file(self, record: CallRecord, job_id: str) -> None:
        """File a call under its job. Beyond the limit of a job's records it is counted when it ends, and forgotten."""
        record.job = job_id
        job = self._jobs.get(job_id)
        if job is None:
            job = self._keep(JobRecord(job_id, record.tenant, record.principal, self._wall(), self._clock()))
        job.open += 1
        if len(job.calls) < self._limits.job_records:
            job.calls.append(record)
        else:
            self._uncounted.add(record.id)

    def _keep(self, job: JobRecord) -> JobRecord:
        self._jobs[job.id] = job
        oldest = job.began - self._limits.record_seconds
        while len(self._jobs) > self._limits.records or next(iter(self._jobs.values())).began < oldest:
            victim = next((kept for kept in self._jobs.values() if not kept.open), job)
            # The oldest job is past its age but has open calls: it stays, and no younger one is dropped in its place.
            if victim is job or (len(self._jobs) <= self._limits.records and victim.began >= oldest):
                break
            del self._jobs[victim.id]
            for call in victim.calls:
                self._calls.pop(call.id, None)
        return job

    def attempt(self, call_id: str, instance: str, binding: str, reason: str) -> AttemptRecord | None:
        """Begin the record of an attempt; None if the call has no record."""
        record = self._calls.get(call_id)
        if record is None:
            return None
        record.instance = instance
        note = AttemptRecord(instance, binding, self._clock() - record.began, reason=reason)
        record.attempts = [*record.attempts, note]
        return note

    def end_attempt(self, call_id: str, note: AttemptRecord, outcome: str, code: str) -> None:
        """End the record of an attempt."""
        record = self._calls.get(call_id)
        if record is not None:
            note.duration = self._clock() - record.began - note.began
        note.outcome, note.code = outcome, code

    def close(self, record: CallRecord, outcome: str, code: str = "", message: str = "") -> None:
        """End the record of a call."""
        record.duration = self._clock() - record.began
        record.outcome, record.code, record.message = outcome, code, message
        job = self._jobs.get(record.job)
        if job is None:
            self._set_aside(record)
            return
        job.open -= 1
        if record.id in self._uncounted:
            self._uncounted.remove(record.id)
            self._calls.pop(record.id, None)
            ended = code or outcome
            job.more[ended] = job.more.get(ended, 0) + 1

    def _set_aside(self, record: CallRecord) -> None:
        self._others[record.id] = record
        while len(self._others) > self._limits.records:
            self._calls.pop(self._others.popitem(last=False)[0], None)

    def job(self, job_id: str) -> JobRecord | None:
        """A job, or None."""
        return self._jobs.get(job_id)

    def jobs(self, limit: int = 100) -> Iterator[JobRecord]:
        """The youngest jobs, youngest first."""
        for count, job in enumerate(reversed(self._jobs.values())):
            if count >= limit:
                return
            yield job

    def call(self, call_id: str) -> CallRecord | None:
        """A call, or None."""
        return self._calls.get(call_id)

    def called(self, agent: str, tenant: str, seconds: float) -> set[str]:
        """The skills of an agent that calls of so many seconds went to; "*" for calls of the agent by its name."""
        since = self._clock() - seconds
        return {
            one.skill
            for one in self._calls.values()
            if one.began >= since and one.skill and (one.agent, one.tenant) == (agent, tenant)
        }

    def others(self, limit: int = 100) -> Iterable[CallRecord]:
        """Calls that belong to no job (on tasks, or refused before they had one), youngest first."""
        return [call for _, call in zip(range(limit), reversed(self._others.values()), strict=False)]
