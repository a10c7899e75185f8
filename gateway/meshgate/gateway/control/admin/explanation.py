"""An explanation of a selector, completed by what gateways see now: switches, health and breakers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from meshgate.gateway.observe.views import InstanceView
from meshgate.gateway.routing.agent_choice import leaders
from meshgate.gateway.routing.switch_match import keys_of_skills
from meshgate.registry.extras import REMEDY
from meshgate.registry.groups import Candidate, Explanation, Group
from meshgate.registry.model import Switch

__all__ = ["Explained", "Verdict", "complete"]


class Verdict(msgspec.Struct, frozen=True):
    """One instance, for one of its skills: whether it takes calls of the selector now, and if not why.

    Attributes:
        reason: "taken", "stands by", "killed", "unwell", "breaker" or "contract"; else why the selection dropped it.
    """

    instance: str
    agent: str
    skill: str
    version: str
    reason: str
    detail: str = ""


class Explained(msgspec.Struct, frozen=True):
    """Where calls of a selector lead now.

    Attributes:
        outcome: "" if they are taken, else the code of the error that they get.
        choice: by what the agent is chosen, where several offer the version; "" for one agent.
    """

    selector: str
    skill: str
    groups: tuple[Group, ...]
    verdicts: tuple[Verdict, ...]
    outcome: str = ""
    choice: str = ""


def complete(
    found: Explanation,
    views: Iterable[InstanceView],
    switches: tuple[Switch, ...],
    tenant: str,
    *,
    closed: bool = False,
) -> Explained:
    """The explanation with each instance's state.

    Args:
        views: the instances as all gateways see them.
        switches: the kill switches that are thrown.
        tenant: the tenant of the caller.
        closed: whether skills with contracts are refused here, because contracts are not installed.
    """
    known = {view.id: view for view in views}
    thrown = {switch.key: switch for switch in switches}
    out = {
        (one.instance, one.skill): _out(one, known, thrown, _keys(found, one, tenant))
        for one in found.verdicts
        if one.matched
    }
    if closed:
        out |= {
            (entry.instance.id, group.skill): _CLOSED
            for group in found.groups
            if group.contract
            for entry in group.entries
        }
    if not found.groups:
        verdicts = tuple(_verdict(one, (one.reason, one.detail)) for one in found.verdicts)
        return Explained(found.selector, found.skill, (), verdicts, outcome="NO_ROUTE")

    def usable(group: Group) -> bool:
        return any(not out[entry.instance.id, group.skill] for entry in group.entries)

    first, same, alike = leaders(found.groups, usable)
    takers = {(entry.instance.id, group.skill) for group in alike for entry in group.entries}
    verdicts = tuple(_verdict(one, _state(one, out, takers, first)) for one in found.verdicts)
    taken = any(one.reason == "taken" for one in verdicts)
    killed = all(out[entry.instance.id, first.skill][:1] == ("killed",) for entry in first.entries)
    outcome = "" if taken else "KILLED" if killed else "UPSTREAM_UNAVAILABLE"
    return Explained(found.selector, found.skill, found.groups, verdicts, outcome, _choice(same, alike))


_CLOSED = "contract", f"it has a contract, and this gateway is installed without contracts: {REMEDY}"


def _choice(same: list[Group], alike: list[Group]) -> str:
    if len(alike) > 1:
        return f"one of {len(alike)}, by conversation, else by load"
    return f"one of {len(same)}, by name: their contracts differ" if len(same) > 1 else ""


def _keys(found: Explanation, one: Candidate, tenant: str) -> list[tuple[str, str]]:
    """What a call to the instance can be switched off by."""
    entries = (entry for group in found.groups for entry in group.entries if entry.instance.id == one.instance)
    return [("tenant", tenant), *keys_of_skills(tenant, one.agent, one.skill, entries)]


def _out(
    one: Candidate,
    known: Mapping[str, InstanceView],
    thrown: Mapping[tuple[str, str], Switch],
    keys: list[tuple[str, str]],
) -> tuple[str, str] | tuple[()]:
    """Why an instance that matches takes no calls now; () if it does."""
    for key in keys:
        if key in thrown:
            reason = thrown[key].reason
            return "killed", f"{key[0]} {key[1]} is switched off" + (f": {reason}" if reason else "")
    view = known.get(one.instance)
    if view is not None and not view.healthy:
        return "unwell", "it does not answer its health route"
    if view is not None and view.breaker == "open":
        return "breaker", "its breaker is open: calls to it failed"
    return ()


def _state(
    one: Candidate,
    out: Mapping[tuple[str, str], tuple[str, str] | tuple[()]],
    takers: set[tuple[str, str]],
    first: Group,
) -> tuple[str, str]:
    if not one.matched:
        return one.reason, one.detail
    key = one.instance, one.skill
    if why := out[key]:
        return why
    if key in takers:
        return "taken", ""
    if one.version != first.version:
        return "stands by", f"calls go to {first.agent} {first.version} first"
    return "stands by", f"calls go to {first.agent} first, by name"


def _verdict(one: Candidate, state: tuple[str, str]) -> Verdict:
    return Verdict(one.instance, one.agent, one.skill, one.version, *state)
