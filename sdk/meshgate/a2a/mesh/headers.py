"""Names of the headers (in gRPC: metadata keys) that the mesh adds to A2A's own. All are lower case."""

from __future__ import annotations

import math
from typing import Final

__all__ = [
    "BUDGET",
    "CALL",
    "DEADLINE",
    "DEPRECATED",
    "INSTANCE",
    "JOB",
    "LINEAGE",
    "PROGRESS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SKILL",
    "TARGET",
    "TRACEPARENT",
    "TRACESTATE",
    "USAGE",
    "deadline_text",
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
PROGRESS: Final = "meshgate/progress"
"""Key of a status event's metadata under which an agent says how far it is, from 0 to 1."""


def deadline_text(seconds: float) -> str:
    """The value of ``DEADLINE`` for so many seconds, rounded down: no hop may have more time than the one before.

    In microseconds, because the way there takes longer than that: the gateway's time is over before its agent's is, so
    that it is the gateway who says so.
    """
    return f"{math.floor(max(seconds, 0.0) * 1e6) / 1e6:.6f}"
