"""Views of instances, jobs and gateways, which one gateway shows to the admin API and to other gateways."""

from __future__ import annotations

import msgspec

from meshgate.gateway.observe.call_record import CallRecord

__all__ = ["InstanceView", "JobView", "Status"]


class InstanceView(msgspec.Struct, frozen=True):
    """An instance as one gateway sees it."""

    id: str
    agent: str
    version: str
    tenant: str
    endpoints: tuple[str, ...]
    skills: tuple[str, ...]
    labels: dict[str, str]
    breaker: str
    healthy: bool
    draining: bool
    foreign: bool
    pending: int
    latency: float


class JobView(msgspec.Struct, frozen=True):
    """A job as one gateway has seen it."""

    id: str
    home: bool
    tenant: str
    principal: str
    started: float
    age: float
    used: int
    call_limit: int
    open: int
    seconds: float
    """Seconds that the job may take."""
    selector: str = ""
    """The target of the first call."""
    outcome: str = ""
    """How the first call ended, with its error's code if it has one; "open" while it runs."""
    calls: tuple[CallRecord, ...] = ()
    more: dict[str, int] = {}
    """Calls of which no record is kept, because the job made too many: by how they ended."""


class Status(msgspec.Struct, frozen=True):
    """One gateway."""

    gateway: str
    version: str
    open_calls: int
    instances: int
    registry_stale: float
    """Seconds since the registry last answered; 0 while it does."""
    draining: bool
    ready: str
    """Why it is not ready, or ""."""
    clock: float = 0.0
    """Seconds since the epoch, by its own clock."""
    degraded: tuple[str, ...] = ()
    """What is wrong although it takes calls."""
    records_since: float = 0.0
    """Since when it keeps records, in seconds since the epoch: its start, or the time that it keeps them."""
