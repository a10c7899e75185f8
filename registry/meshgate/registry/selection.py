"""Selection: which agents answer to a selector, for a given caller, and why. Pure, over an index.

The unit of choice is a :class:`Group`: one agent at one version of one skill, with the instances that offer it.
``select`` lists the groups in order of preference; a balancer then chooses among the instances of one group.

Authorisation is a filter here (:class:`Permission`), so that what a caller may not use looks like what does not exist.
"""

from __future__ import annotations

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import Selector
from meshgate.a2a.versions import Version
from meshgate.registry.groups import ANY_SKILL, TOOL, Candidate, Explanation, Group, Offer, Permission, Reason
from meshgate.registry.index import Index, version_of, version_order
from meshgate.registry.model import Capability

__all__ = ["catalogue", "explain", "select"]


def select(index: Index, selector: Selector, permission: Permission, skill: str = "") -> tuple[Group, ...]:
    """The groups that answer to ``selector``, best first: highest version, then the agent's name.

    ``skill`` is what the message itself asked for (metadata ``meshgate/skill``); it counts when the selector names an
    agent. The result is empty alike if nothing is there and if nothing is permitted.

    Raises:
        InvalidParams: the agent has several skills, the caller may not use all of them, and neither the message nor the
            agent says which is meant.
    """
    offers = _candidates(index, selector, permission, skill)
    return _grouped([offer for offer in offers if _judge(offer, selector, permission)[0] == "matched"])


def explain(index: Index, selector: Selector, permission: Permission, skill: str = "") -> Explanation:
    """What ``select`` does, with a verdict on every instance that has the agent's name, or the skill.

    Raises:
        InvalidParams: as ``select``.
    """
    if selector.agent:
        chosen = _chosen(index, selector.agent, permission, skill)
        # Where no skill is usable at all, every skill's verdict says why not.
        offers = (
            _offers(index, selector.agent, chosen, named=_is_named(skill))
            if chosen
            else list(index.of_agent(selector.agent))
        )
        named = {offer.entry.instance.id for offer in offers}
        lacking = [entry for entry in index.instances_of(selector.agent) if entry.instance.id not in named]
    else:
        chosen, offers, lacking = selector.skill, list(index.of_skill(selector.skill)), []
    verdicts = [
        Candidate(
            offer.entry.instance.id, offer.agent, offer.skill, offer.version_text, *_judge(offer, selector, permission)
        )
        for offer in offers
    ]
    verdicts += [
        Candidate(one.instance.id, one.instance.agent, chosen, one.manifest.version, "skill", "it has no such skill")
        for one in lacking
    ]
    verdicts.sort(
        key=lambda verdict: (not verdict.matched, verdict.agent, verdict.instance, version_order(verdict.version))
    )
    taken = [offer for offer in offers if _judge(offer, selector, permission)[0] == "matched"]
    return Explanation(str(selector) or selector.agent or selector.skill, chosen, _grouped(taken), tuple(verdicts))


def catalogue(index: Index, permission: Permission) -> tuple[Group, ...]:
    """Every group that a caller may use, by agent, skill and falling version: the gateway's own card shows them."""
    anything = Selector()
    taken = [offer for offer in index.offers() if _judge(offer, anything, permission)[0] == "matched"]
    return tuple(sorted(_grouped(taken), key=lambda group: (group.agent, group.skill)))


def _candidates(index: Index, selector: Selector, permission: Permission, skill: str) -> list[Offer]:
    if selector.skill:
        return list(index.of_skill(selector.skill))
    return _offers(index, selector.agent, _chosen(index, selector.agent, permission, skill), named=_is_named(skill))


def _chosen(index: Index, agent: str, permission: Permission, skill: str) -> str:
    # Only the rule below may say that the agent decides: it looks at the caller's scope.
    return skill if _is_named(skill) else _usual_skill(index, agent, permission)


def _is_named(skill: str) -> bool:
    return skill not in ("", ANY_SKILL)


def _offers(index: Index, agent: str, skill: str, *, named: bool) -> list[Offer]:
    if skill == ANY_SKILL:
        return list(index.by_name(agent))
    found = [offer for offer in index.of_agent(agent) if offer.skill in (skill, ANY_SKILL)]
    return [offer for offer in found if _lists(offer, skill)] if named else found


def _lists(offer: Offer, skill: str) -> bool:
    """Whether a skill that is named is an agent's. A foreign one has one offer, whatever skills its card lists."""
    listed = offer.entry.manifest.skills
    return offer.skill == skill or not listed or any(one.skill == skill for one in listed)


def _usual_skill(index: Index, agent: str, permission: Permission) -> str:
    """The agent's default skill, or its only one, as its newest release declares; "" if it has none to offer.

    "*" if there are several: the agent decides, by what the message holds. A caller that may not use all of them has to
    say which it means, because the agent knows nothing of its scope. Only skills that the caller may use count, so that
    the error tells nothing that the caller may not know.
    """
    usable = [
        offer
        for offer in index.of_agent(agent)
        if offer.capability is not None and _judge(offer, Selector(), permission)[0] == "matched"
    ]
    if not usable:
        return ""
    newest = max(version_of(offer.entry.manifest.version) for offer in usable)
    release = [offer for offer in usable if version_of(offer.entry.manifest.version) == newest]
    names = sorted({offer.skill for offer in release})
    defaults = sorted({offer.skill for offer in release if offer.capability is not None and offer.capability.default})
    if len(defaults) == 1:
        return defaults[0]
    meant = sorted({offer.skill for offer in release if not _is_tool(offer)}) or names
    if len(meant) == 1:
        return meant[0]
    declared = {one.skill for offer in release for one in offer.entry.manifest.skills}
    if declared == set(names) and any(permission.refusal(offer) is None for offer in index.by_name(agent)):
        return ANY_SKILL
    raise InvalidParams(
        f"agent {agent!r} has several skills ({_listed(names)}) and not all are this key's: name one in "
        "message.metadata['meshgate/skill'], or call SKILL@*",
        violations=(("message.metadata.meshgate/skill", "is needed for this agent"),),
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _is_tool(offer: Offer) -> bool:
    return offer.capability is not None and TOOL in offer.capability.tags


def _judge(offer: Offer, selector: Selector, permission: Permission) -> tuple[Reason, str]:
    instance = offer.entry.instance
    refusal = permission.refusal(offer)
    if refusal is not None:
        return refusal
    if instance.draining:
        return "draining", "it takes no new calls"
    if not selector.skill:
        return "matched", ""
    if offer.version not in selector.versions:
        return "version", f"{offer.version_text} is outside the range asked for"
    capability = offer.capability or Capability("", "")
    for key, value in selector.labels:
        # An instance says where it runs, and so overrides what its release says of all instances.
        found = instance.labels.get(key, capability.labels.get(key))
        if found != value:
            return "label", f"{key} is {found}" if found is not None else f"it has no label {key}"
    for tag in selector.tags:
        if tag not in capability.tags:
            return "tag", f"it has no tag {tag}"
    return "matched", ""


def _grouped(offers: list[Offer]) -> tuple[Group, ...]:
    together: dict[tuple[Version, str, str], list[Offer]] = {}
    for offer in offers:
        together.setdefault((offer.version, offer.agent, offer.skill), []).append(offer)
    keys = sorted(together, key=lambda key: (key[1], key[2]))
    keys.sort(key=lambda key: key[0], reverse=True)
    groups: list[Group] = []
    for version, agent, skill in keys:
        members = sorted(together[version, agent, skill], key=lambda offer: offer.entry.instance.id)
        first = members[0]
        entries = tuple(member.entry for member in members)
        groups.append(Group(agent, skill, first.version_text, first.capability, entries))
    return tuple(groups)
