"""What a kill switch matches: which calls it refuses, and which open calls it ends."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import Killed
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.registry.groups import ANY_SKILL
from meshgate.registry.index import Index
from meshgate.registry.model import Entry, Switch

__all__ = ["keys_of_skills", "killed", "kills_agent", "matching", "names_of"]


def matching(switches: Iterable[Switch], call: Call, table: Index) -> Switch | None:
    """The first of the switches that matches a call; None if none does."""
    named = names_of(call, table)
    return next((switch for switch in switches if switch.key in named), None)


def names_of(call: Call, table: Index) -> set[tuple[str, str]]:
    """What a call can be switched off by, as (kind, name): its agent, skill, tenant, key and job.

    Where the agent decides which of its skills is meant, each of them counts: none may be one that is switched off.
    """
    route, lineage, tenant = call.route, call.lineage, call.principal.tenant
    named = {("tenant", tenant), ("key", in_tenant(tenant, call.principal.id))}
    if lineage is not None:
        named.add(("job", lineage.job))
    if route is not None:
        found = (table.entries.get(instance) for instance in route.instances)
        entries = (entry for entry in found if entry is not None)
        named.update(keys_of_skills(tenant, route.agent, route.skill, entries))
    return named


def keys_of_skills(tenant: str, agent: str, skill: str, entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """The switches of an agent and of the skills that a call to it may reach, as (kind, name).

    Args:
        skill: the skill that is meant, or ``ANY_SKILL``.
        entries: the agent's instances that may take the call.
    """
    skills = (
        [skill]
        if skill != ANY_SKILL
        else [ANY_SKILL, *(one.skill for entry in entries for one in entry.manifest.skills)]
    )
    return [("agent", in_tenant(tenant, agent)), *(("skill", in_tenant(tenant, one)) for one in skills)]


def kills_agent(switches: Iterable[Switch], route: Route) -> bool:
    """Whether the agent of a route is switched off."""
    return any(switch.kind == "agent" and switch.name == in_tenant(route.tenant, route.agent) for switch in switches)


def killed(switch: Switch, what: str, advice: str = "") -> Killed:
    """The error for a call that a switch matches.

    Args:
        what: what became of the call's agent, skill, tenant, key or job, such as "is switched off".
        advice: what else to say, after the operator's reason.
    """
    why = f": {switch.reason}" if switch.reason else ""
    about = {"switch": f"{switch.kind} {switch.name}"}
    return Killed(f"{switch.kind} {switch.name!r} {what}{why}{advice}", metadata=about)
