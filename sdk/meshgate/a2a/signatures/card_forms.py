"""The forms of a card that signatures cover.

Section 8.4.1 says: the card's canonical JSON without its signatures, without fields that have their default. Two
readings of it are in use. Who reads JSON takes the card as it was served. Who reads protobuf first, as a2a-sdk does,
loses what A2A 1.0 does not know, and drops what is empty.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.codec.strict_json import check, is_array, is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json

__all__ = ["card_forms"]


def card_forms(card: dict[str, Any]) -> tuple[bytes, ...]:
    """The canonical forms of a card: as readers of protobuf see it, if they can, and as it is, if that differs.

    Raises:
        InvalidParams: the card has no canonical form.
    """
    served = canonical_json({key: value for key, value in card.items() if key != "signatures"})
    if not any(card.get(key) for key in ("supportedInterfaces", "supported_interfaces")):
        return (served,)  # a card of 0.3, in which readers of 1.0 would find no address
    try:
        known = canonical_json(_as_proto(card))
    except InvalidParams:
        return (served,)
    return (known,) if known == served else (known, served)


def _as_proto(card: dict[str, Any]) -> dict[str, Any]:
    """The card with what A2A 1.0 knows of it, without what is empty or has its default."""
    read, view = check({key: value for key, value in card.items() if key != "signatures"}, AgentCard)
    tree = cast("dict[str, Any]", msgspec.to_builtins(view))
    # A value of ours has a default version, and protobuf has none.
    interfaces: list[Any] = read.get("supportedInterfaces") or []
    for out, one in zip(tree["supportedInterfaces"], interfaces, strict=False):
        if is_object(one) and one.get("protocolVersion"):
            out["protocolVersion"] = one["protocolVersion"]
    for needed in _requirements(tree):
        needed["schemes"] = {
            name: {"list": scopes} if is_array(scopes) else scopes for name, scopes in needed.get("schemes", {}).items()
        }
    return _filled(tree) or {}


def _requirements(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for part in (tree, *tree.get("skills", ())) for one in part.get("securityRequirements", ())]


def _filled(value: Any) -> Any:
    """A value without what is empty in it; None if nothing is left."""
    if is_object(value):
        members = {key: kept for key, member in value.items() if (kept := _filled(member)) is not None}
        return members or None
    if is_array(value):
        return [kept for item in value if (kept := _filled(item)) is not None] or None
    return None if value == "" else value
