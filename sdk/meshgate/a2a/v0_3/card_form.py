"""Cards as answers in 0.3: JSON-RPC and REST write them as they are served, gRPC as ``a2a.v1`` has them."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.cards import downgrade_card, upgrade_card

__all__ = ["AnyCard", "card_for_proto", "downgrade_any_card", "upgrade_any_card", "without_label"]

Tree = dict[str, Any]
_SCHEMES = {
    "apiKey": "apiKeySecurityScheme",
    "http": "httpAuthSecurityScheme",
    "oauth2": "oauth2SecurityScheme",
    "openIdConnect": "openIdConnectSecurityScheme",
    "mutualTLS": "mtlsSecurityScheme",
}
"""The type of a scheme in JSON, and the key that holds it in the package ``a2a.v1``."""


class AnyCard(A2AMessage, frozen=True):
    """Any object: a card is checked once it is 1.0's."""


def without_label(request: Tree) -> Tree:
    """A request without the routing label, for which 0.3 has no place."""
    return {key: value for key, value in request.items() if key != "tenant"}


def upgrade_any_card(card: Tree) -> Tree:
    """A card of 0.3 in either writing, as 1.0 writes it."""
    out = _plain(card)
    if is_array(skills := card.get("skills")):
        out["skills"] = [_plain(skill) if is_object(skill) else skill for skill in skills]
    return upgrade_card(out)


def _plain(tree: Tree) -> Tree:
    """A copy of a card or skill whose requirements are as JSON writes them: each scheme with its scopes."""
    given = tree.get("security")
    if not is_array(given) or not all(is_object(one) and is_object(one.get("schemes")) for one in given):
        return dict(tree)
    plain = [
        {name: scopes.get("list", []) if is_object(scopes) else scopes for name, scopes in one["schemes"].items()}
        for one in given
    ]
    return {**tree, "security": plain}


def downgrade_any_card(card: Tree) -> Tree:
    """A card of 1.0 as JSON-RPC and REST of 0.3 write it.

    Raises:
        InvalidParams: it has no address of 0.3.
    """
    try:
        return downgrade_card(card)
    except ValueError as error:
        raise InvalidParams(str(error)) from None


def card_for_proto(card: Tree) -> Tree:
    """A card of 0.3 as the package ``a2a.v1`` writes it."""
    out = dict(card)
    if "security" in card:
        out["security"] = _requirements(card["security"])
    if "securitySchemes" in card:
        out["securitySchemes"] = {name: _scheme(scheme) for name, scheme in card["securitySchemes"].items()}
    out["skills"] = [
        {**skill, "security": _requirements(skill["security"])} if "security" in skill else skill
        for skill in card["skills"]
    ]
    return out


def _requirements(given: list[dict[str, list[str]]]) -> list[Tree]:
    return [{"schemes": {name: {"list": scopes} for name, scopes in one.items()}} for one in given]


def _scheme(scheme: Tree) -> Tree:
    inner = {"location" if key == "in" else key: value for key, value in scheme.items() if key != "type"}
    return {_SCHEMES[scheme["type"]]: inner}
