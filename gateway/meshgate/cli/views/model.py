"""The answers of the admin API, as far as the commands show them.

The values repeat those of the gateway on purpose. The base install has these commands and no gateway: to import a view
of the gateway needs the extra ``gateway``. And a command has to work with a gateway of another release, so fields that
it does not know are skipped, and almost all others have defaults.
"""

from __future__ import annotations

import msgspec

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT, in_tenant

__all__ = [
    "Agent",
    "Attempt",
    "Call",
    "Explanation",
    "GatewayStatus",
    "Group",
    "GroupEntry",
    "HeldCard",
    "InstanceRef",
    "InstanceView",
    "Job",
    "Node",
    "RefusedAgent",
    "Switch",
    "Tree",
    "Usage",
    "Verdict",
]


class InstanceView(msgspec.Struct, frozen=True):
    """One running copy of an agent."""

    id: str
    agent: str = ""
    version: str = ""
    tenant: str = "default"
    endpoints: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    breaker: str = "closed"
    healthy: bool = True
    draining: bool = False
    foreign: bool = False
    pending: int = 0
    latency: float = 0.0
    """Seconds."""

    @property
    def state(self) -> str:
        """Its state in one word, the worst that applies."""
        if self.draining:
            return "draining"
        if not self.healthy:
            return "unhealthy"
        return "ready" if self.breaker == "closed" else self.breaker


class Agent(msgspec.Struct, frozen=True):
    """An agent with its instances."""

    agent: str
    tenant: str = "default"
    versions: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    foreign: bool = False
    instances: tuple[InstanceView, ...] = ()


class RefusedAgent(msgspec.Struct, frozen=True):
    """An agent of a gateway's settings that is refused."""

    card: str
    name: str = ""
    reason: str = ""
    since: float = 0.0
    """Seconds since the epoch."""
    settings: bool = True
    """Whether the settings list it; else an operator registered it."""

    @property
    def what(self) -> str:
        """Its name, and where it was listed."""
        return f"{self.name or self.card} {'of the settings' if self.settings else '(registered)'}"


class HeldCard(msgspec.Struct, frozen=True):
    """A changed card of a foreign agent that waits for an operator."""

    agent: str
    tenant: str = "default"
    instance: str = ""
    accepted: str = ""
    candidate: str = ""
    """The hash of the card that waits."""
    since: float = 0.0
    """Seconds since the epoch."""
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The agent, with its tenant if that is another than the default."""
        return in_tenant(self.tenant, self.agent)

    @property
    def remedy(self) -> str:
        """The line that shows it."""
        tenant = f" --tenant {self.tenant}" if self.tenant != DEFAULT_TENANT else ""
        return f"meshgate card diff {self.agent}{tenant}"


class GatewayStatus(msgspec.Struct, frozen=True):
    """One gateway."""

    gateway: str
    version: str = ""
    open_calls: int = 0
    instances: int = 0
    registry_stale: float = 0.0
    draining: bool = False
    ready: str = ""
    """Why it is not ready, or ""."""
    clock: float = 0.0
    """Seconds since the epoch, by its own clock."""
    records_since: float = 0.0
    """Since when it keeps records, in seconds since the epoch."""


class Usage(msgspec.Struct, frozen=True, rename="camel"):
    """What an agent says a call took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    tool_calls: int = 0


class Attempt(msgspec.Struct, frozen=True):
    """One try of a call on one instance."""

    instance: str
    binding: str = ""
    began: float = 0.0
    duration: float | None = None
    outcome: str = "open"
    code: str = ""
    reason: str = ""


class Call(msgspec.Struct, frozen=True):
    """One call."""

    id: str
    method: str = ""
    binding: str = ""
    selector: str = ""
    gateway: str = ""
    started: float = 0.0
    principal: str = ""
    agent: str = ""
    skill: str = ""
    version: str = ""
    instance: str = ""
    reason: str = ""
    task: str = ""
    task_state: str = ""
    duration: float | None = None
    outcome: str = "open"
    code: str = ""
    message: str = ""
    inferred: str = ""
    """How its parent was worked out, if no token came with it: ``open`` or ``after``."""
    attempts: tuple[Attempt, ...] = ()
    usage: Usage | None = None
    trace_id: str = ""


class Job(msgspec.Struct, frozen=True):
    """A job's account."""

    id: str
    tenant: str = "default"
    principal: str = ""
    started: float = 0.0
    """Seconds since the epoch."""
    age: float = 0.0
    used: int = 0
    call_limit: int = 0
    open: int = 0
    seconds: float = 0.0
    selector: str = ""
    """What the first call asked for."""
    outcome: str = ""


class Node(msgspec.Struct, frozen=True):
    """A call with the calls made in it."""

    call: Call
    children: tuple[Node, ...] = ()


class Tree(msgspec.Struct, frozen=True):
    """A job as a tree of calls."""

    job: Job
    roots: tuple[Node, ...] = ()
    gateways: tuple[str, ...] = ()
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    refused: int = 0
    failed: int = 0


class InstanceRef(msgspec.Struct, frozen=True):
    """An instance as an explanation names it."""

    id: str


class GroupEntry(msgspec.Struct, frozen=True):
    """An instance of a group."""

    instance: InstanceRef


class Group(msgspec.Struct, frozen=True):
    """One agent at one version of one skill."""

    agent: str
    skill: str
    version: str
    entries: tuple[GroupEntry, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What became of one instance."""

    instance: str
    agent: str = ""
    skill: str = ""
    version: str = ""
    reason: str = ""
    detail: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """How a selector was resolved."""

    selector: str
    skill: str = ""
    groups: tuple[Group, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    outcome: str = ""
    """The code of the error that calls get now, or ""."""
    choice: str = ""
    """By what the agent is chosen, where several offer the version."""


class Switch(msgspec.Struct, frozen=True):
    """A kill switch that is thrown."""

    kind: str
    name: str
    reason: str = ""
