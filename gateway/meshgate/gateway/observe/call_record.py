"""Call records: of a call, its attempts and its job. They are kept for people; the path never reads them.

Records hold no cycles, so the garbage collector leaves them out (``gc=False``): ten thousand jobs are many objects, and
visiting them again and again costs more than all policies together.
"""

from __future__ import annotations

import msgspec

from meshgate.a2a.mesh.lineage import Step

__all__ = ["AttemptRecord", "CallRecord", "JobRecord", "UsageReport"]


class UsageReport(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """The resources that a call took, as its agent reports them (metadata key ``meshgate/usage``)."""

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
    inferred: str = ""
    """How its parent was worked out, if no token came with it: ``open`` or ``after``."""
    links: tuple[str, ...] = ()
    attempts: list[AttemptRecord] = []
    usage: UsageReport | None = None
    foreign: bool = False
    """Whether the agent knows nothing of the mesh."""
    trace_id: str = ""
    span_id: str = ""
    sampled: bool = False
    deadline: float = 0.0
    """Monotonic seconds."""


class JobRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """The calls of one job that this gateway has seen."""

    id: str
    tenant: str
    principal: str
    started: float
    """Seconds since the epoch."""
    began: float
    """Monotonic seconds."""
    calls: list[CallRecord] = []
    more: dict[str, int] = {}
    """Calls beyond the limit of records, counted by how they ended: an error's code, or the outcome."""
    open: int = 0
    """Calls that are open now; a job with some is not forgotten."""
