"""Names of the headers (in gRPC: metadata keys) that the mesh adds to A2A's own. All are lower case."""

from __future__ import annotations

import functools
import math
from typing import Final
from urllib.parse import quote

__all__ = [
    "BUDGET",
    "CALL",
    "CAUSE",
    "CHOICE",
    "CONTINUES",
    "DEADLINE",
    "DEPRECATED",
    "INSTANCE",
    "JOB",
    "KEPT",
    "LABEL_KEY",
    "LINEAGE",
    "PARTIAL",
    "PRINCIPAL",
    "PROGRESS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SKILL",
    "SKILL_KEY",
    "TARGET",
    "TASKS_AFTER",
    "TASKS_SINCE",
    "TASK_LABEL",
    "TENANT",
    "TRACEPARENT",
    "TRACESTATE",
    "USAGE",
    "deadline_text",
    "name_text",
]

LINEAGE: Final = "meshgate-lineage"
"""To an agent: the lineage token of this call. The agent sends it with each call that it makes for this one."""
SKILL: Final = "meshgate-skill"
"""To an agent: the skill that is called."""
DEADLINE: Final = "meshgate-deadline"
"""From a caller, and to an agent: seconds that the caller still waits, as a decimal number. Back to a caller that asked
for more than there is: the seconds that it got."""
BUDGET: Final = "meshgate-budget"
"""From a caller that opens a job: its budget, ``calls=20,seconds=30`` or one of the two; never more than the limits."""
TARGET: Final = "meshgate-target"
"""From a gRPC caller: the selector."""
JOB: Final = "meshgate-job"
"""To an agent and back to the caller: the id of the job."""
CALL: Final = "meshgate-call"
"""To an agent and back to the caller: the id of the call."""
INSTANCE: Final = "meshgate-instance"
"""Back to the caller: the instance that answered."""
CHOICE: Final = "meshgate-choice"
"""Back to the caller of a skill that several agents offer: by what its agent was chosen, ``one of 3, by load``."""
TASKS_SINCE: Final = "meshgate-tasks-since"
"""Back to the caller of ListTasks: the time from which on no task that was heard of is missing (RFC 3339)."""
TASK_LABEL: Final = "meshgate-task-label"
"""To an agent that lists tasks, with a message: what the agent is to keep with the task that the message begins, and to
give back in lists. Only gateways can make it or read it."""
TASKS_AFTER: Final = "meshgate-tasks-after"
"""To an agent that lists tasks, with ListTasks: the place behind which the page begins, ``first`` for the beginning.
Who sends it is told the tasks' labels."""
PARTIAL: Final = "meshgate-partial"
"""Back to the caller of ListTasks: what did not answer, and is left out."""
PRINCIPAL: Final = "meshgate-principal"
"""To an agent of the SDK's, and to a foreign one with ``tell_caller``: the caller's principal. Like the tenant it is
percent-encoded (RFC 3986) where it is not plain ASCII, and taken from nobody."""
TENANT: Final = "meshgate-tenant"
"""To the same agents: the caller's tenant."""
SCHEMA_VERSION: Final = "meshgate-schema-version"
"""From a caller: the release of the skill's contract that it speaks and reads, such as ``1.2.0``."""
SCHEMA: Final = "meshgate-schema"
"""Back to the caller: which releases met, ``in=1.2.0>2.0.0; out=2.0.0>1.2.0`` (writer's release, reader's release)."""
DEPRECATED: Final = "meshgate-deprecated"
"""Back to the caller of a deprecated release: ``1.2.0; sunset=2027-03-31; notice="use 2.0.0"``; the last two if set."""
TRACEPARENT: Final = "traceparent"
"""W3C Trace Context: the trace and the span of the caller."""
TRACESTATE: Final = "tracestate"
"""W3C Trace Context: what other vendors of traces carry along."""
USAGE: Final = "meshgate/usage"
"""Key of an event's metadata under which an agent reports what the work took (see ``Usage``)."""
CAUSE: Final = "meshgate/cause"
"""Key of a status event's metadata under which a failed task names the error at its root: ``code``, ``message``,
``path``."""
LABEL_KEY: Final = "meshgate/label"
"""Key of a task's metadata under which an agent gives a gateway the label of a task that it lists."""
SKILL_KEY: Final = "meshgate/skill"
"""Key of a message's metadata under which a caller names the skill that it calls."""
PROGRESS: Final = "meshgate/progress"
"""Key of a status event's metadata under which an agent says how far it is, from 0 to 1."""
CONTINUES: Final = "meshgate/continues"
"""Metadata of a part: ``true`` if it goes on with the part before it, in an artifact that came in chunks."""
KEPT: Final = "meshgate/v1"
"""Key of any metadata in A2A 0.3 under which a gateway keeps what 0.3 has no place for, and from where it puts it
back."""


@functools.lru_cache(maxsize=4096)
def name_text(name: str) -> str:
    """The value of ``PRINCIPAL`` or ``TENANT``: a header holds visible ASCII."""
    plain = name.isascii() and name.isprintable() and " " not in name and "%" not in name
    return name if plain else quote(name, safe="")


def deadline_text(seconds: float) -> str:
    """The value of ``DEADLINE`` for so many seconds, rounded down: no hop may have more time than the one before.

    In microseconds, because the way there takes longer than that: the gateway's time is over before its agent's is, so
    that it is the gateway who says so.
    """
    return f"{math.floor(max(seconds, 0.0) * 1e6) / 1e6:.6f}"
