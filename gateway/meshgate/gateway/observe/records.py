"""What happened: one record a call, one a job. They are what ``meshgate job`` and the admin show, and the running
account
that budgets, loops and inferred parents are decided by. Kept in memory, bounded in number and age.

Ten thousand jobs are many objects, and a garbage collector that visits them again and again costs more than all
policies
together. Records hold no cycles, so they are left out of it (``gc=False``).
"""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.lineage import Step
from meshgate.gateway.jobs.peers import Flight, Grant

__all__ = ["AttemptRecord", "CallRecord", "JobRecord", "Records", "Usage"]


_OPEN_STATES = frozenset({"TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"})
_LINGERING = 1000
"""Calls of one agent that are remembered because their tasks go on."""


class Usage(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """What an agent says a call took (metadata key ``meshgate/usage``)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    tool_calls: int = 0


class AttemptRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """One try of a call on one instance."""

    instance: str
    binding: str
    began: float
    """Seconds after the call began."""
    duration: float | None = None
    outcome: str = "open"
    code: str = ""
    reason: str = ""
    """Why this instance was chosen."""


class CallRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """One call through this gateway, refusals included."""

    id: str
    method: str
    binding: str
    selector: str
    gateway: str
    started: float
    """Wall-clock seconds since the epoch, for people."""
    began: float
    """Monotonic seconds, for durations."""
    job: str = ""
    parent: str = ""
    principal: str = ""
    tenant: str = ""
    agent: str = ""
    skill: str = ""
    version: str = ""
    instance: str = ""
    reason: str = ""
    """Why this agent, version and skill were chosen."""
    task: str = ""
    task_state: str = ""
    duration: float | None = None
    outcome: str = "open"
    """open, done, failed, refused or cancelled."""
    code: str = ""
    message: str = ""
    path: tuple[Step, ...] = ()
    """The visits that led here, this call's own last (once it is resolved)."""
    inferred: bool = False
    links: tuple[str, ...] = ()
    attempts: list[AttemptRecord] = []
    usage: Usage | None = None
    trace_id: str = ""
    span_id: str = ""
    sampled: bool = False
    deadline: float = 0.0
    """Monotonic seconds."""


class JobRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """Everything that descends from one outside call, as far as this gateway has seen it."""

    id: str
    tenant: str
    principal: str
    started: float
    deadline: float
    """Monotonic seconds."""
    began: float
    call_limit: int
    concurrency: int
    used: int = 0
    """Calls spent, wherever they were made. The home counts what it leased as spent; elsewhere it is what the home said
    last, and what was spent here since."""
    open: int = 0
    leased: int = 0
    """At the home: calls handed to other gateways. Elsewhere: calls left of what was handed to this one."""
    home: bool = True
    calls: list[CallRecord] = []

    def spent(self, now: float) -> str:
        """The price so far, as errors name it."""
        return f"{self.used}/{self.call_limit} calls, {now - self.began:.1f}/{self.deadline - self.began:.0f} s"

    def learn(self, grant: Grant, now: float) -> str:
        """Take over what the job's home says of it, and the calls that it hands out; the price so far."""
        self.leased += grant.calls
        self.used = max(self.used, grant.used - self.leased)
        self.call_limit, self.concurrency = grant.limit, grant.concurrency
        self.deadline = now + grant.seconds
        self.began = self.deadline - grant.job_seconds
        return self.spent(now)


class Records:
    """The records of one gateway.

    Args:
        gateway: this gateway's id; the jobs that it opens carry it.
        clock: monotonic seconds. wall: seconds since the epoch. rng: of ids, which name things and protect nothing.
    """

    def __init__(
        self,
        gateway: str,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self.gateway = gateway
        self._random = (rng or random.SystemRandom()).getrandbits
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._jobs: OrderedDict[str, JobRecord] = OrderedDict()
        self._calls: dict[str, CallRecord] = {}
        self._others: OrderedDict[str, CallRecord] = OrderedDict()
        self._flying: dict[str, dict[str, CallRecord]] = {}
        self._lingering: dict[str, OrderedDict[str, CallRecord]] = {}

    def open_call(self, method: str, binding: str, selector: str) -> CallRecord:
        """Begin the record of a call."""
        record = CallRecord(
            f"{self._random(64):016x}", method, binding, selector, self.gateway, self._wall(), self._clock()
        )
        self._calls[record.id] = record
        return record

    def open_job(self, call: CallRecord, *, calls: int, seconds: float, concurrency: int) -> JobRecord:
        """Begin the account of a job, whose home is this gateway."""
        now = self._clock()
        job_id = f"{self.gateway}.{self._random(64):016x}"
        job = JobRecord(job_id, call.tenant, call.principal, self._wall(), now + seconds, now, calls, concurrency)
        self._keep(job)
        return job

    def adopt(self, job_id: str, call: CallRecord, seconds: float) -> None:
        """Keep the local part of a job whose home is elsewhere; what it may spend is still to be learnt from there."""
        if job_id not in self._jobs:
            now = self._clock()
            self._keep(
                JobRecord(job_id, call.tenant, call.principal, self._wall(), now + seconds, now, 0, 1, home=False)
            )

    def _keep(self, job: JobRecord) -> None:
        self._jobs[job.id] = job
        oldest = self._clock() - self._limits.record_seconds
        while len(self._jobs) > self._limits.records or next(iter(self._jobs.values())).began < oldest:
            victim = next((kept for kept in self._jobs.values() if kept.open <= 0), None)
            if victim is None or victim is job:
                break
            del self._jobs[victim.id]
            for call in victim.calls:
                self._calls.pop(call.id, None)

    def join_job(self, call: CallRecord, job_id: str) -> None:
        """File a call under its job, or among those that belong to none."""
        call.job = job_id
        job = self._jobs.get(job_id)
        if job is not None:
            job.calls.append(call)

    def routed(self, call: CallRecord) -> None:
        """A call knows its agent now: from here on it may be some other call's parent."""
        self._flying.setdefault(call.agent, {})[call.id] = call

    def close_call(self, call: CallRecord, outcome: str, code: str = "", message: str = "") -> None:
        """End the record of a call."""
        call.duration = self._clock() - call.began
        call.outcome, call.code, call.message = outcome, code, message
        flying = self._flying.get(call.agent)
        if flying is not None:
            flying.pop(call.id, None)
            if not flying:
                del self._flying[call.agent]
        if call.task_state in _OPEN_STATES:
            self._linger(call)
        elif call.task:
            self._task_ended(call.agent, call.task)
        if call.job not in self._jobs:
            self._others[call.id] = call
            while len(self._others) > self._limits.records:
                self._calls.pop(self._others.popitem(last=False)[0], None)

    def _linger(self, call: CallRecord) -> None:
        # The call has ended and its task has not: the agent works on, and what it calls is still this call's child.
        kept = self._lingering.setdefault(call.agent, OrderedDict())
        kept[call.id] = call
        while len(kept) > _LINGERING or next(iter(kept.values())).deadline < self._clock():
            kept.popitem(last=False)
            if not kept:
                del self._lingering[call.agent]
                return

    def in_flight(self, agent: str, tenant: str) -> list[CallRecord]:
        """The calls that are open to ``agent`` now, or whose tasks are; the one started last at the end."""
        found = list(self._flying.get(agent, {}).values())
        now = self._clock()
        lingering = self._lingering.get(agent)
        found += [call for call in lingering.values() if call.deadline > now] if lingering is not None else []
        return sorted((call for call in found if call.tenant == tenant), key=lambda call: call.began)

    def _task_ended(self, agent: str, task: str) -> None:
        # Whoever asked learnt it: what the agent calls from now on cannot be on behalf of this task.
        kept = self._lingering.get(agent, OrderedDict())
        for call in [call for call in kept.values() if call.task == task]:
            del kept[call.id]
        if not kept:
            self._lingering.pop(agent, None)

    def now(self) -> float:
        """Monotonic seconds, as the records count them."""
        return self._clock()

    def remaining(self, call: CallRecord) -> float:
        """Seconds that a call still has."""
        return call.deadline - self._clock()

    def flight(self, call: CallRecord) -> Flight:
        """A call in flight as another call's possible parent."""
        remaining = self.remaining(call)
        return Flight(call.id, call.job, call.path, remaining, call.started, call.trace_id, call.span_id, call.sampled)

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

    def others(self, limit: int = 100) -> Iterable[CallRecord]:
        """Calls that belong to no job (on tasks, or refused before they had one), youngest first."""
        return [call for _, call in zip(range(limit), reversed(self._others.values()), strict=False)]

    @property
    def open_calls(self) -> int:
        """How many calls are open to agents now."""
        return sum(len(calls) for calls in self._flying.values())
