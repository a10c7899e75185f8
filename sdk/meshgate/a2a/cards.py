"""Agent cards (specification 1.0.1, sections 4.4 and 8), as JSON trees: reads them, and rewrites them for callers.

What A2A's ``AgentSkill`` has no room for (a skill's version, labels, how often it may stand on a path) travels in the
``params`` of one card extension, ``CAPABILITIES_URI``.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from meshgate.a2a.card_types import CardView, Terms
from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.protocol_version import PROTOCOL_VERSION

__all__ = [
    "CAPABILITIES_URI",
    "CARD_PATH",
    "CONTRACTS_URI",
    "MAX_CARD",
    "interface",
    "read_card",
    "rewrite",
    "terms_of",
]

CARD_PATH = "/.well-known/agent-card.json"
"""Section 8.2, below the base URL of an agent."""
CAPABILITIES_URI = "https://meshgate.dev/extensions/capabilities/v1"
CONTRACTS_URI = "https://meshgate.dev/extensions/contracts/v1"
"""The extension in which gateways list the releases of skills' contracts; an agent's own is left out."""
MAX_CARD = 1024 * 1024
"""Largest card, in bytes."""
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


def read_card(data: bytes) -> tuple[dict[str, Any], CardView]:
    """A card's tree and the view of it.

    Raises:
        InvalidParams: it is no A2A 1.0 card; the message says what is missing.
    """
    if len(data) > MAX_CARD:
        raise InvalidParams(f"an agent card may have {MAX_CARD} bytes")
    try:
        tree = decode_json(data)
        return tree, msgspec.convert(tree, CardView)
    except msgspec.ValidationError as error:
        raise InvalidParams(f"this is no A2A 1.0 agent card: {error}") from None
    except MeshError as error:
        raise InvalidParams(f"this is no agent card: {error.message}") from None


def terms_of(view: CardView) -> Terms:
    """The terms that a card's extension states; empty ones if it has none.

    Raises:
        InvalidParams: the extension is there and cannot be read.
    """
    for extension in view.capabilities.extensions:
        if extension.get("uri") == CAPABILITIES_URI:
            try:
                return msgspec.convert(extension.get("params", {}), Terms)
            except msgspec.ValidationError as error:
                raise InvalidParams(f"the card's extension {CAPABILITIES_URI} cannot be read: {error}") from None
    return Terms()


def rewrite(
    card: dict[str, Any],
    interfaces: list[dict[str, str]],
    *,
    skills: frozenset[str] | None = None,
    secured: bool = True,
    contracts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The card as the gateway serves it: its own addresses, what it enforces, only what it can honour.

    Only what A2A 1.0 gives a place is kept: a card of two versions names the agent's own address in keys of the older
    one (section 14.3). A signature covers the card as the agent wrote it, so none is kept (section 8.4).

    Args:
        interfaces: ``supportedInterfaces``, preferred one first.
        skills: ids of the skills to list, or None for all.
        secured: whether calls need a key.
        contracts: the ``params`` of the extension ``CONTRACTS_URI``, or None for none.
    """
    out: dict[str, Any] = {key: card[key] for key in _KEPT if card.get(key) is not None}
    out["supportedInterfaces"] = interfaces
    given = cast("dict[str, Any]", card.get("capabilities") or {})
    # Push and extended cards are not relayed, so they are not promised (section 3.3.4).
    extensions = [item for item in given.get("extensions") or () if _passes(item)]
    if contracts:
        about = "the releases of the skills' contracts that are served"
        extensions.append({"uri": CONTRACTS_URI, "description": about, "required": False, "params": contracts})
    out["capabilities"] = {
        "streaming": bool(given.get("streaming")),
        "pushNotifications": False,
        "extensions": extensions,
    }
    out["skills"] = [
        {"description": "", "tags": [], "inputModes": _MEDIA, "outputModes": _MEDIA, **_skill(skill)}
        for skill in card.get("skills") or ()
        if skills is None or skill.get("id") in skills
    ]
    for key, default in (("description", ""), ("defaultInputModes", _MEDIA), ("defaultOutputModes", _MEDIA)):
        out.setdefault(key, default)
    if secured:
        scheme = {"scheme": "Bearer", "description": "a Meshgate key"}
        out["securitySchemes"] = {"key": {"httpAuthSecurityScheme": scheme}}
        out["securityRequirements"] = [{"schemes": {"key": {"list": []}}}]
    return out


def _passes(extension: dict[str, Any]) -> bool:
    return not extension.get("required") and extension.get("uri") != CONTRACTS_URI


def _skill(skill: dict[str, Any]) -> dict[str, Any]:
    return {key: skill[key] for key in _SKILL_KEPT if skill.get(key) is not None}


def interface(url: str, binding: str, version: str = PROTOCOL_VERSION) -> dict[str, str]:
    """One entry of ``supportedInterfaces``."""
    return {"url": url, "protocolBinding": binding, "protocolVersion": version}
