"""Agent cards (specification 1.0.1, sections 4.4 and 8), as JSON trees: reads them, and rewrites them for callers.

A card of A2A 0.3, or with the keys of both versions, is read as one of 1.0: see ``meshgate.a2a.v0_3.cards``.

What A2A's ``AgentSkill`` has no room for (a skill's version, labels, how often it may stand on a path) travels in the
``params`` of one card extension, ``CAPABILITIES_URI``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec

from meshgate.a2a.card_types import AgentCard, Terms
from meshgate.a2a.codec.strict_json import check, decode_json, is_array, is_object
from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.mesh.extensions import BY_GATEWAYS, CAPABILITIES, CONTRACTS, PROVENANCE, entry
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.a2a.v0_3.cards import is_version, upgrade_card

__all__ = [
    "CAPABILITIES_URI",
    "CARD_PATH",
    "CARD_PATHS",
    "CONTRACTS_URI",
    "MAX_CARD",
    "PROVENANCE_URI",
    "CardRead",
    "interface",
    "read_card",
    "rewrite",
    "strict",
    "terms_of",
]

CARD_PATH = "/.well-known/agent-card.json"
"""Section 8.2, below the base URL of an agent."""
CARD_PATHS = (CARD_PATH, "/.well-known/agent.json")
"""Where cards are served, and looked for: A2A 0.2 had them at the second path."""
CAPABILITIES_URI = CAPABILITIES.uri
CONTRACTS_URI = CONTRACTS.uri
"""The extension in which gateways list the releases of skills' contracts; an agent's own is left out."""
PROVENANCE_URI = PROVENANCE.uri
"""The extension in which gateways say what the agent's own signatures prove; an agent's own is left out."""
MAX_CARD = 1024 * 1024
"""Largest card, in bytes."""
_NO_CARD = "this is no agent card of A2A 1.0 or 0.3"
_NEEDED = frozenset({"name", "version", "supported_interfaces", "skills", "capabilities"})
"""What is read of a card: there a wrong form is refused."""
_MEDIA = ["text/plain", "application/json"]
_KEPT = (
    "name",
    "description",
    "version",
    "provider",
    "documentationUrl",
    "iconUrl",
    "defaultInputModes",
    "defaultOutputModes",
)
_SKILL_KEPT = ("id", "name", "description", "tags", "examples", "inputModes", "outputModes")


class CardRead(NamedTuple):
    """A card that was read.

    Attributes:
        tree: the card with what was put right; keys that A2A does not know are kept.
        card: the same as a value.
        corrections: what was put right, a text for each place; none for a card as A2A writes it.
    """

    tree: dict[str, Any]
    card: AgentCard
    corrections: tuple[str, ...]


def read_card(data: bytes) -> CardRead:
    """Read a card as ProtoJSON is read: null is a key left out, a key left out has its default.

    A card of 0.3 becomes one of 1.0, whose interfaces are of version 0.3. What the mesh needs must be as A2A says; any
    other field that has another form is left out. Both are told.

    Raises:
        InvalidParams: it is no card of 1.0 or 0.3; the message says what it is, or what is wrong with it.
    """
    if len(data) > MAX_CARD:
        raise InvalidParams(f"an agent card may have {MAX_CARD} bytes")
    corrections: list[str] = []
    try:
        given = decode_json(data)
        if not is_object(given):
            raise InvalidParams("it is no JSON object")
        upgraded = upgrade_card(given, corrections)
        tree, card = check(_readable(upgraded, corrections), AgentCard, corrections)
    except MeshError as error:
        raise InvalidParams(f"{_NO_CARD}: {error.message}") from None
    if not any(is_array(upgraded.get(key)) for key in ("supportedInterfaces", "supported_interfaces")):
        raise InvalidParams(f"{_NO_CARD}: {_without_interfaces(given)}")
    missing = [key for key in ("name", "version", "skills") if key not in given]
    corrections += [f"{key}: left out, read as {'none' if key == 'skills' else 'empty'}" for key in missing]
    return CardRead(tree, card, tuple(corrections))


def _readable(tree: dict[str, Any], corrections: list[str]) -> dict[str, Any]:
    """The card without the fields that have another form than A2A says and that the mesh can do without."""
    out = dict(tree)
    for field in msgspec.structs.fields(AgentCard):
        for key in {field.encode_name, field.name}:
            value = out.get(key)
            if key in out and value is not None and field.name not in _NEEDED and (fault := _fault(field, value)):
                corrections.append(f"{fault}: left out")
                del out[key]
    return out


def _fault(field: msgspec.structs.FieldInfo, value: Any) -> str:
    """Why a value is none of a field's; empty if it is one."""
    try:
        check({field.encode_name: value, "supportedInterfaces": []}, AgentCard)
    except InvalidParams as error:
        return error.message
    return ""


def _without_interfaces(tree: dict[str, Any]) -> str:
    """Why a card names no address."""
    version, url = tree.get("protocolVersion"), tree.get("url")
    if is_version(version) or (version is None and "url" in tree):
        return "url: must be there, and not empty"
    if isinstance(version, str) and isinstance(url, str) and version.split(".")[0] != "1":
        return f"it is one of A2A {version[:16]}: serve the agent with an SDK of A2A 1.0 or 0.3"
    return "supportedInterfaces: must be there"


def terms_of(card: AgentCard) -> Terms:
    """The terms that a card's extension states; empty ones if it has none.

    Raises:
        InvalidParams: the extension is there and cannot be read.
    """
    for extension in card.capabilities.extensions:
        if extension.uri == CAPABILITIES_URI:
            try:
                return msgspec.convert(extension.params, Terms)
            except msgspec.ValidationError as error:
                raise InvalidParams(
                    f"the card's extension {CAPABILITIES_URI} cannot be read: {fault_at(error)}"
                ) from None
    return Terms()


def rewrite(
    card: dict[str, Any],
    interfaces: list[dict[str, str]],
    *,
    skills: frozenset[str] | None = None,
    secured: bool = True,
    push: bool = False,
    contracts: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
    extended: bool = False,
) -> dict[str, Any]:
    """The card as the gateway serves it: its own addresses, what it enforces, only what it can honour.

    Only what A2A 1.0 gives a place is kept: a card of two versions names the agent's own address in keys of the older
    one (section 14.3). A signature covers the card as the agent wrote it, so none is kept (section 8.4).

    Args:
        interfaces: ``supportedInterfaces``, preferred one first.
        skills: ids of the skills to list, or None for all.
        secured: whether calls need a key.
        push: whether the gateway sends push notifications of this agent's tasks.
        contracts: the ``params`` of the extension ``CONTRACTS_URI``, or None for none.
        provenance: the ``params`` of the extension ``PROVENANCE_URI``, or None for none.
        extended: whether there is an extended card for those who have a key.
    """
    out: dict[str, Any] = {key: card[key] for key in _KEPT if card.get(key)}
    out["supportedInterfaces"] = interfaces
    given = cast("dict[str, Any]", card.get("capabilities") or {})
    # Extensions are between caller and agent, which are told of each other's: one that the agent requires is named, or
    # nobody could call it.
    extensions = [_cut(item, skills) for item in given.get("extensions") or () if _passes(item)]
    extensions += [entry(one) for one in BY_GATEWAYS]
    if contracts:
        extensions.append(entry(CONTRACTS, contracts))
    if provenance:
        extensions.append(entry(PROVENANCE, provenance))
    out["capabilities"] = {
        "streaming": bool(given.get("streaming")),
        "pushNotifications": push,
        "extensions": extensions,
    }
    if extended:
        out["capabilities"]["extendedAgentCard"] = True
    out["skills"] = [
        {**_defaults(skill), "inputModes": _MEDIA, "outputModes": _MEDIA, **_skill(skill)}
        for skill in card.get("skills") or ()
        if skills is None or skill.get("id") in skills
    ]
    needed = {"description": card.get("name", ""), "defaultInputModes": _MEDIA, "defaultOutputModes": _MEDIA}
    for key, default in needed.items():
        out.setdefault(key, default)
    if secured:
        scheme = {"scheme": "Bearer", "description": "a Meshgate key"}
        out["securitySchemes"] = {"key": {"httpAuthSecurityScheme": scheme}}
        # ProtoJSON writes {"list": []}, which SDKs of Go and Python cannot read; every one that was tried reads this.
        out["securityRequirements"] = [{"schemes": {"key": []}}]
    return out


def strict(card: dict[str, Any]) -> dict[str, Any]:
    """A card that ``rewrite`` made, with its scopes as ProtoJSON writes them, for readers that take nothing else."""
    if "securityRequirements" not in card:
        return card
    needed = [
        {"schemes": {name: {"list": scopes} for name, scopes in one["schemes"].items()}}
        for one in card["securityRequirements"]
    ]
    return {**card, "securityRequirements": needed}


_OWN = {one.uri for one in (*BY_GATEWAYS, CONTRACTS, PROVENANCE)}


def _passes(extension: dict[str, Any]) -> bool:
    """Whether an agent's extension is listed as it is: what a gateway does itself it lists itself."""
    return extension.get("uri") not in _OWN


def _cut(extension: dict[str, Any], skills: frozenset[str] | None) -> dict[str, Any]:
    """The extension, which must not tell the terms of skills that the card does not list."""
    if skills is None or extension.get("uri") != CAPABILITIES_URI:
        return extension
    out = {key: value for key, value in extension.items() if key != "params"}
    if is_object(params := extension.get("params")):
        terms = params.get("skills")
        out["params"] = {key: value for key, value in params.items() if key != "skills"}
        if is_object(terms):
            out["params"]["skills"] = {skill: value for skill, value in terms.items() if skill in skills}
    return out


def _skill(skill: dict[str, Any]) -> dict[str, Any]:
    return {key: skill[key] for key in _SKILL_KEPT if skill.get(key)}


def _defaults(skill: dict[str, Any]) -> dict[str, Any]:
    """What A2A requires of a skill, from its id, for where it is empty."""
    name = skill.get("name") or skill.get("id", "")
    return {"name": name, "description": name, "tags": [skill.get("id", "")]}


def interface(url: str, binding: str, version: str = PROTOCOL_VERSION) -> dict[str, str]:
    """One entry of ``supportedInterfaces``."""
    return {"url": url, "protocolBinding": binding, "protocolVersion": version}
