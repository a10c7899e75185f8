"""Foreign agents, which know nothing of the mesh: reads an agent card as the registry's values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from meshgate.a2a.bindings.table import ROWS, key_of
from meshgate.a2a.card_types import AgentCard, AgentInterface, AgentSkill, SkillTerms
from meshgate.a2a.cards import read_card, terms_of
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.index import Index
from meshgate.registry.limits import MAX_INSTANCE, agent_name_fault, bindings_here, id_prefix
from meshgate.registry.model import Capability, Endpoint, ForeignTerms, HealthCheck, Instance, Manifest

__all__ = [
    "AgentOfCard",
    "agent_name",
    "fitting",
    "foreign_instance",
    "instances_of_card",
    "name_holder",
    "read_foreign",
]

_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_FALLBACK = "0.0.0"


class AgentOfCard(NamedTuple):
    """A foreign agent as its card tells of it.

    Attributes:
        card: the card as a value.
        endpoints: where it listens, in the card's order; of one binding the newest version first.
        corrections: what was put right in the card, a text for each place.
    """

    manifest: Manifest
    endpoints: tuple[Endpoint, ...]
    corrections: tuple[str, ...]
    card: AgentCard


def agent_name(text: str) -> str:
    """A name for URLs and selectors, made from a card's free text: "Hello World Agent" is ``hello-world-agent``.

    Raises:
        InvalidParams: it has no character that a name may have, or gives a name that no agent has.
    """
    name = _NOT_NAME.sub("-", text).strip("-._").lower()[:128].rstrip("-._")
    if not name:
        raise InvalidParams(f"the card's name {text[:64]!r} gives no name: choose one with --name")
    if fault := agent_name_fault(name):
        raise InvalidParams(f"the card's name {text[:64]!r}: {fault}; choose one with --name")
    return name


def name_holder(index: Index, instance: Instance) -> str | None:
    """The instance that has a foreign agent's name already, in its tenant and not under its card; None if none has.

    A card may say any name, and says another one later: only an operator lists it beside other instances of a name.
    """
    return next(
        (
            held.instance.id
            for held in index.instances_of(instance.agent)
            if held.instance.tenant == instance.tenant and _card_of(held.instance) != _card_of(instance)
        ),
        None,
    )


def read_foreign(
    card: bytes,
    name: str = "",
    reentrant: Mapping[str, int] | None = None,
    *,
    url: str = "",
    protocol: str = "",
    tell_caller: bool = False,
    any_references: bool = False,
    shared_contexts: bool = False,
) -> AgentOfCard:
    """What a foreign agent is and where it listens.

    Args:
        card: the agent card as it was served.
        name: the name to list the agent under; else it is made from the card's.
        reentrant: by skill, how often it may stand on one path of calls; else what the card says, or once.
        url: where the agent is called, instead of where its card says.
        protocol: the version of A2A, major and minor, that it is spoken to in; "" for any that is spoken here.
        tell_caller, any_references, shared_contexts: see ``Manifest``.

    Raises:
        InvalidParams: the card cannot be read, or offers no address in a binding and version that is spoken here; or
            ``reentrant`` names a skill that is not on it.
    """
    tree, view, corrections = read_card(card)
    endpoints = _endpoints(view.supported_interfaces, protocol)
    terms = terms_of(view)
    version = _version(view.version)
    manifest = Manifest(
        agent=name or agent_name(view.name),
        version=version,
        description=view.description,
        skills=_reentrant(
            tuple(_capability(skill, terms.skills.get(skill.id, SkillTerms()), version) for skill in view.skills),
            reentrant or {},
        ),
        shared_tasks=terms.shared_tasks,
        foreign=True,
        tell_caller=tell_caller,
        any_references=any_references,
        shared_contexts=shared_contexts,
        terms=ForeignTerms(bool(name), dict(reentrant or {}), url, protocol=protocol),
        card=tree,
    )
    return AgentOfCard(manifest, _elsewhere(endpoints, url) if url else endpoints, corrections, view)


def _endpoints(interfaces: Sequence[AgentInterface], protocol: str) -> tuple[Endpoint, ...]:
    """The addresses that can be called from here, in the card's order; of one binding the newest version first."""
    keys = {row.key for row in ROWS if protocol in ("", row.version)}
    found = [
        Endpoint(one.protocol_binding, one.url, one.protocol_version, one.tenant)
        for one in interfaces
        if key_of(one.protocol_binding, one.protocol_version) in keys
    ]
    if not found:
        offered = ", ".join(f"{one.protocol_binding} {one.protocol_version}"[:64] for one in interfaces[:16]) or "none"
        asked = f", and it is to be spoken to in {protocol}" if protocol else ""
        raise InvalidParams(f"the agent offers {offered}; spoken here are {bindings_here()}{asked}")
    newest = sorted(found, key=lambda one: key_of(one.binding, one.version)[1], reverse=True)
    of_binding = {one.binding: iter([each for each in newest if each.binding == one.binding]) for one in found}
    return tuple(next(of_binding[one.binding]) for one in found)


def fitting(instance: Instance) -> Instance:
    """The instance with as many of its addresses as the registry keeps: one of each binding, the first, stays."""
    kept = list(instance.endpoints)
    for place in reversed(range(len(kept))):
        if len(msgspec.json.encode(instance)) <= MAX_INSTANCE:
            break
        if kept[place].binding in {one.binding for one in kept[:place]}:
            del kept[place]
            instance = msgspec.structs.replace(instance, endpoints=tuple(kept))
    return instance


def _elsewhere(endpoints: tuple[Endpoint, ...], url: str) -> tuple[Endpoint, ...]:
    """The one address that an operator gives: in the binding of its scheme, as the card lists that binding."""
    over_http = url.startswith(("http://", "https://"))
    for endpoint in endpoints:
        if (endpoint.binding != "GRPC") is over_http:
            return (msgspec.structs.replace(endpoint, url=url),)
    binding = "HTTP" if over_http else "gRPC"
    raise InvalidParams(f"{url[:200]!r} is an address over {binding}, and the card lists no binding over {binding}")


def foreign_instance(
    manifest: Manifest,
    endpoints: tuple[Endpoint, ...],
    card_url: str,
    *,
    labels: dict[str, str] | None = None,
    interval: float = 5.0,
) -> Instance:
    """The instance of a foreign agent: its id is made from its card's URL, and fetching the card is its health check.

    Args:
        interval: seconds between two looks at the card.
    """
    return fitting(
        Instance(
            id=id_prefix(manifest.agent) + hashlib.blake2b(card_url.encode(), digest_size=6).hexdigest(),
            agent=manifest.agent,
            manifest=manifest.digest(),
            endpoints=endpoints,
            labels=labels or {},
            check=HealthCheck(card_url, interval),
            lasting=True,
        )
    )


def instances_of_card(index: Index, instance: Instance) -> frozenset[str]:
    """The ids under which a foreign agent's card is listed in its tenant, whatever the names."""
    listed = (entry.instance for entry in index.entries.values())
    return frozenset(one.id for one in listed if one.tenant == instance.tenant and _card_of(one) == _card_of(instance))


def _card_of(instance: Instance) -> str:
    """The card of a foreign agent's instance; of another one its id, which is no URL."""
    return instance.check.url if instance.lasting and instance.check is not None else instance.id


def _reentrant(skills: tuple[Capability, ...], reentrant: Mapping[str, int]) -> tuple[Capability, ...]:
    names = [skill.skill for skill in skills]
    for name, count in reentrant.items():
        if name not in names:
            raise InvalidParams(f"reentrant: there is no skill {name!r}; the card lists {', '.join(names) or 'none'}")
        if count < 1:
            raise InvalidParams(f"reentrant: {name}={count} must be at least 1")
    return tuple(
        msgspec.structs.replace(skill, reentrant=reentrant.get(skill.skill, skill.reentrant)) for skill in skills
    )


def _version(text: str) -> str:
    # A card may call its version anything; what is no semantic version sorts below all that are.
    try:
        return str(parse_version(text))
    except InvalidParams:
        return _FALLBACK


def _capability(skill: AgentSkill, terms: SkillTerms, version: str) -> Capability:
    return Capability(
        skill=skill.id,
        version=_version(terms.version) if terms.version else version,
        description=skill.description,
        tags=tuple(skill.tags),
        labels=terms.labels,
        cost_usd=terms.cost_usd,
        latency=terms.latency,
        reentrant=terms.reentrant,
        default=terms.default,
    )
