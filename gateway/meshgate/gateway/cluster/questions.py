"""The questions that gateways of one mesh ask each other: one typed table for both ends.

A question is ``POST /NAME`` with a JSON array of arguments. A gateway that does not know a question answers 404, so
that a newer one can tell "not known" from "no answer".
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from meshgate.gateway.contracts.usage_rows import UsageRow
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant
from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.views import InstanceView, JobView, Status
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.tasks.known_task import KnownTasks, TaskQuery

__all__ = [
    "CALL",
    "CALLED",
    "DRAIN",
    "END_CALLS",
    "FLIGHTS",
    "INSTANCES",
    "JOB",
    "JOBS",
    "LEND",
    "METRICS",
    "PUSH_CONFIGS",
    "PUSH_DELETE",
    "PUSH_HEARD",
    "QUESTIONS",
    "STATUS",
    "TASKS",
    "USAGE",
    "Question",
    "UsageView",
]

T = TypeVar("T")


class Question(msgspec.Struct, Generic[T], frozen=True):
    """One question: its name, and the types of its arguments and its answer."""

    name: str
    answer: Any
    arguments: Any = tuple[()]


class UsageView(msgspec.Struct, frozen=True):
    """The usage of one subject, as one gateway counted it."""

    since: float
    """When it began to count, in seconds since 1970."""
    forgotten: int
    """Rows, of any subject, that were dropped to make room for others."""
    rows: list[UsageRow]


STATUS: Question[Status] = Question("status", Status)
"""The state of the gateway."""
FLIGHTS: Question[list[Flight]] = Question("flights", list[Flight], tuple[str, str])
"""Calls in flight to an agent; if there is none, those that it has answered (agent, tenant)."""
LEND: Question[Grant | None] = Question("lend", Grant | None, tuple[str, int])
"""Calls of a job whose home the gateway is (job, calls)."""
JOBS: Question[list[JobView]] = Question("jobs", list[JobView], tuple[int])
"""The youngest jobs, without their calls (how many)."""
JOB: Question[JobView | None] = Question("job", JobView | None, tuple[str])
"""A job with its calls."""
CALL: Question[CallRecord | None] = Question("call", CallRecord | None, tuple[str])
"""One call."""
INSTANCES: Question[list[InstanceView]] = Question("instances", list[InstanceView])
"""The instances of agents."""
USAGE: Question[UsageView] = Question("usage", UsageView, tuple[str, bool])
"""The usage of a subject (subject, with its fields)."""
CALLED: Question[list[str]] = Question("called", list[str], tuple[str, str, float])
"""The skills of an agent that were called a short while ago, "*" for calls by its name (agent, tenant, seconds)."""
END_CALLS: Question[int] = Question("end_calls", int, tuple[str, str, str])
"""Abort the open calls that a kill switch matches (kind, name, reason); the answer is how many."""
DRAIN: Question[None] = Question("drain", None, tuple[bool])
"""Report not ready, so that balancers leave; or ready again."""
TASKS: Question[KnownTasks] = Question("tasks", KnownTasks, tuple[str, str, TaskQuery])
"""The tasks of an owner that it knows of (tenant, hash of the owner in hexadecimal, what is asked for)."""
PUSH_CONFIGS: Question[list[Configuration]] = Question("push_configs", list[Configuration], tuple[str])
"""The push configurations of a task (its id). Who asks has seen to it that they are its caller's."""
PUSH_DELETE: Question[bool] = Question("push_delete", bool, tuple[str, str])
"""Delete one (task, configuration); whether there was one."""
PUSH_HEARD: Question[bool] = Question("push_heard", bool, tuple[str, str])
"""An agent called (handle, the agent's id of the task); whether that was waited for."""
METRICS: Question[str] = Question("metrics", str)
"""Prometheus text exposition."""

QUESTIONS: dict[str, Question[Any]] = {
    question.name: question
    for question in (
        *(STATUS, FLIGHTS, LEND, JOBS, JOB, CALL, INSTANCES, USAGE, CALLED, END_CALLS, DRAIN, TASKS),
        *(PUSH_CONFIGS, PUSH_DELETE, PUSH_HEARD, METRICS),
    )
}
