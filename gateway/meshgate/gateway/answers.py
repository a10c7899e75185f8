"""The answers of a gateway to the questions of ``cluster.questions``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgate.gateway.cluster import questions as q
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Account, Grant
from meshgate.gateway.observe.call_outcome import task_outcome
from meshgate.gateway.observe.call_record import CallRecord, JobRecord
from meshgate.gateway.observe.views import InstanceView, JobView, Status
from meshgate.gateway.parts import Parts
from meshgate.gateway.routing.switch_match import killed, matching
from meshgate.gateway.tasks.known_task import KnownTasks, TaskQuery
from meshgate.gateway.upstream.instance import Instance
from meshgate.gateway.version import VERSION
from meshgate.registry.model import Switch

__all__ = ["Answers"]

_UNDONE = frozenset({"failed", "rejected", "canceled"})
_ABSENT = object()
_MOST_ENDING = 100
"""Most switches whose calls are ended that are still to be seen in the registry."""
_MOST_TASKS = 1000
"""Most tasks that one answer lists."""
_MOST_JOBS = 1000
"""Most jobs that one answer lists."""


class Answers:
    """One gateway's answers: its views, and the operations that it performs.

    Attributes:
        table: by the name of a question, the function that answers it.
    """

    def __init__(self, gateway: Parts) -> None:
        self._gateway = gateway
        self._ending: dict[tuple[str, str], None] = {}
        self.table: dict[str, Callable[..., Any]] = {
            q.STATUS.name: self.status,
            q.FLIGHTS.name: self.flights,
            q.LEND.name: self.lend,
            q.JOBS.name: self.jobs,
            q.JOB.name: self.job,
            q.CALL.name: self.call,
            q.INSTANCES.name: self.instances,
            q.USAGE.name: self.usage,
            q.CALLED.name: self.called,
            q.END_CALLS.name: self.end_calls,
            q.DRAIN.name: self.drain,
            q.TASKS.name: self.tasks,
            q.PUSH_CONFIGS.name: gateway.feeds.of,
            q.PUSH_DELETE.name: gateway.feeds.remove,
            q.PUSH_HEARD.name: gateway.feeds.hear,
            q.METRICS.name: self.metrics,
        }

    def status(self) -> Status:
        """The state of the gateway."""
        g = self._gateway
        stale = g.watcher.stale_seconds()
        return Status(
            gateway=g.id,
            version=VERSION,
            open_calls=g.in_flight.count,
            instances=len(g.instances),
            registry_stale=stale,
            draining=g.draining,
            ready=g.unready() or "",
            clock=g.wall(),
            degraded=g.degraded(),
            records_since=max(g.started, g.wall() - g.limits.record_seconds),
        )

    def flights(self, agent: str, tenant: str) -> list[Flight]:
        """Calls in flight to an agent; if there is none, those that it has answered."""
        return self._gateway.parents.here(agent, tenant)

    async def lend(self, job: str, calls: int) -> Grant | None:
        """Calls of a job whose home this is."""
        return await self._gateway.accounts.lend(job, calls)

    def jobs(self, limit: int) -> list[JobView]:
        """The youngest jobs, without their calls."""
        return [self._view(job) for job in self._gateway.records.jobs(min(limit, _MOST_JOBS))]

    def job(self, job: str) -> JobView | None:
        """A job with its calls."""
        found = self._gateway.records.job(job)
        return self._view(found, tuple(found.calls)) if found is not None else None

    def _view(self, job: JobRecord, calls: tuple[CallRecord, ...] = ()) -> JobView:
        g = self._gateway
        return job_view(job, g.accounts.account(job.id), g.clock(), calls)

    def call(self, call: str) -> CallRecord | None:
        """One call."""
        return self._gateway.records.call(call)

    def instances(self) -> list[InstanceView]:
        """The instances of agents."""
        return [instance_view(instance) for instance in self._gateway.instances]

    def usage(self, subject: str, fields: bool) -> q.UsageView:
        """The usage of a subject, with or without its fields."""
        usage = self._gateway.usage
        return q.UsageView(usage.since, usage.forgotten, usage.rows(subject, fields=fields))

    def called(self, agent: str, tenant: str, seconds: float) -> list[str]:
        """The skills of an agent that were called within so many seconds, as far as calls are on record here."""
        return sorted(self._gateway.records.called(agent, tenant, seconds))

    def end_calls(self, kind: str, name: str, reason: str) -> int:
        """Abort the open calls that a kill switch matches; returns how many.

        A gateway that has not yet seen the switch itself ends them again when it does: more may have begun meanwhile.
        """
        switch = Switch(kind, name, reason)
        if all(one.key != switch.key for one in self._gateway.table.switches):
            self._ending[switch.key] = None
            while len(self._ending) > _MOST_ENDING:
                del self._ending[next(iter(self._ending))]
        return self._end(switch)

    def switched(self, switch: Switch) -> None:
        """A switch was seen in the registry: end what it ends."""
        if self._ending.pop(switch.key, _ABSENT) is None or switch.kind == "job":
            self._end(switch)

    def _end(self, switch: Switch) -> int:
        ended = 0
        for instance in self._gateway.instances:
            for attempt in list(instance.attempts):
                if matching((switch,), attempt.call, self._gateway.table) is not None:
                    attempt.abort(killed(switch, "was switched off by an operator"))
                    ended += 1
        return ended

    def drain(self, on: bool) -> None:
        """Report not ready, so that balancers leave; or ready again."""
        self._gateway.draining = on

    def tasks(self, tenant: str, owner: str, query: TaskQuery) -> KnownTasks:
        """The tasks of an owner that it knows of, the first ones."""
        known = self._gateway.known_tasks.of(tenant, bytes.fromhex(owner), query)
        return KnownTasks(known.rows[:_MOST_TASKS], known.total, known.since)

    def metrics(self) -> str:
        """Prometheus text exposition."""
        return self._gateway.metrics.render().decode()


def job_view(job: JobRecord, account: Account | None, now: float, calls: tuple[CallRecord, ...]) -> JobView:
    """The view of a job: its record, and its account if that is still kept."""
    first = job.calls[0] if job.calls else None
    return JobView(
        job.id,
        account is not None and account.home,
        job.tenant,
        job.principal,
        job.started,
        now - job.began,
        account.used if account is not None else 0,
        account.call_limit if account is not None else 0,
        account.open if account is not None else 0,
        account.deadline - account.began if account is not None else 0.0,
        first.selector if first is not None else "",
        _ended(first) if first is not None else "",
        calls,
        job.more,
    )


def _ended(call: CallRecord) -> str:
    """How a call ended, in a word. One that delivered a task's failure is done, but the task is what people ask for."""
    task = task_outcome(call.task_state)
    return f"task {task}" if call.outcome == "done" and task in _UNDONE else call.code or call.outcome


def instance_view(instance: Instance) -> InstanceView:
    """The view of an instance: its entry, its load and its health at this gateway."""
    listed, manifest = instance.entry.instance, instance.entry.manifest
    return InstanceView(
        id=listed.id,
        agent=listed.agent,
        version=manifest.version,
        tenant=listed.tenant,
        endpoints=tuple(f"{endpoint.binding} {endpoint.url}" for endpoint in listed.endpoints),
        skills=tuple(f"{skill.skill}@{skill.version}" for skill in manifest.skills),
        labels=listed.labels,
        breaker=instance.breaker.state,
        healthy=instance.healthy,
        draining=listed.draining,
        foreign=manifest.foreign,
        pending=instance.pending,
        latency=instance.latency,
    )
