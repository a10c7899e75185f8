"""The centre: a call, and what handles one. Read this file first.

``Handler = Callable[[Call], Awaitable[Reply]]``: a gateway, a policy with what follows it, a way to an agent, an agent
in the same process and a client are all handlers, so anything plugs into anything.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT, in_tenant
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector

__all__ = ["ANONYMOUS", "Admission", "Call", "Facts", "Handler", "Principal", "Route"]

_F = TypeVar("_F")


class Principal(msgspec.Struct, frozen=True):
    """The caller. The tenant comes from the credential, never from a message."""

    kind: str
    """user, agent, service, or anonymous."""
    id: str
    tenant: str = DEFAULT_TENANT
    agents: tuple[str, ...] = ()
    """Patterns of the agents this caller may use."""
    skills: tuple[str, ...] = ()
    """Patterns of the skills this caller may use."""
    roles: frozenset[str] = frozenset()
    actors: tuple[str, ...] = ()
    """On whose behalf, outermost first."""


ANONYMOUS = Principal("anonymous", "")


@functools.lru_cache(maxsize=4096)
def _subject(tenant: str, agent: str, skill: str) -> str:
    return f"{in_tenant(tenant, agent)}/{skill}"


class Route(msgspec.Struct, frozen=True):
    """The target that a selector resolved to."""

    agent: str
    skill: str
    version: str
    instances: tuple[str, ...]
    """Ids of the instances that may take the call."""
    reason: str = ""
    reentrant: int = 1
    contract: str = ""
    """The digests of the contract that the skill was registered with, if it was."""
    others: tuple[Route, ...] = ()
    """Routes to other releases of the same agent, best first, for when this one cannot be reached."""
    tenant: str = DEFAULT_TENANT
    """The agent's tenant."""
    foreign: bool = False
    """Whether the agent knows nothing of the mesh."""
    choice: str = ""
    """By what the agent was chosen, where several offer this version of the skill: "one of 3, by load"."""

    @property
    def subject(self) -> str:
        """The name of the skill's contract."""
        return _subject(self.tenant, self.agent, self.skill)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One A2A operation on its way. Immutable: a policy changes one by ``msgspec.structs.replace``."""

    method: Method
    payload: Payload
    id: str = ""
    target: Selector | None = None
    principal: Principal = ANONYMOUS
    lineage: Lineage | None = None
    deadline: float = float("inf")
    """When the caller stops waiting, on this process's monotonic clock, in seconds."""
    message_id: str = ""
    task_id: str = ""
    context_id: str = ""
    route: Route | None = None
    headers: Mapping[str, str] = {}
    """The request's headers or metadata, names in lower case."""
    facts: Mapping[type, Any] = {}
    avoid: frozenset[str] = frozenset()
    """Instances that just failed this call."""

    def with_fact(self, fact: object) -> Call:
        """A copy that also carries ``fact``, under its class."""
        return msgspec.structs.replace(self, facts={**self.facts, type(fact): fact})

    def fact(self, kind: type[_F]) -> _F | None:
        """The fact of class ``kind`` that an earlier policy left, or None."""
        return self.facts.get(kind)


Handler = Callable[[Call], Awaitable[Reply]]
"""Takes a call; returns once the first event is known. If it raises, nothing was passed on."""

Facts = dict[type, Any]
"""Values that a call carries, each under its class."""
Admission = Callable[[Mapping[str, str]], Facts | Awaitable[Facts] | None]
"""Looks at a request's headers before its body is read, and raises to refuse it; gives the facts that it found."""
