"""The value of a call that is open to an agent."""

from __future__ import annotations

import msgspec

from meshgate.a2a.call import Route
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.telemetry.context import TraceContext

__all__ = ["OpenCall"]


class OpenCall(msgspec.Struct, gc=False):
    """One call that is open to an agent, whose task is, or that was answered a short time ago. It keeps no payload."""

    id: str
    route: Route
    tenant: str
    lineage: Lineage | None
    """None for an operation on a task."""
    trace: TraceContext | None
    deadline: float
    """Monotonic seconds."""
    started: float
    """Seconds since the epoch."""
    task: str = ""
    state: str = ""
    """The state of the task as the agent last reported it."""
    answered: float | None = None
    """When its answer ended, in monotonic seconds; None before."""
