"""Agent cards of A2A 0.3 (specification 0.3.0, section 5.5): how they become cards of 1.0, and back, as JSON trees.

What the other version has no place for is lost. From 0.3 to 1.0: ``stateTransitionHistory``; all flows of OAuth 2 but
one; a scheme of a type that A2A does not have. From 1.0 to 0.3: addresses of other versions, and those that want a
``tenant``; the flow for devices, and ``pkceRequired``; an API key in a place that 0.3 does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.protocol_version import LEGACY_VERSION

__all__ = ["addresses_of", "downgrade_card", "is_version", "merge_card", "upgrade_card"]

_RELEASE = "0.3.0"
"""The version as cards of 0.3 say it."""
_DEFAULT_TRANSPORT = "JSONRPC"
_LISTED = 20
"""Most places that are told of one card."""
_VERSION = re.compile(r"0\.3(?:\.|\Z)")

_SCHEMES_KEY, _PROTO_SCHEMES = "securitySchemes", "security_schemes"
_ADDRESSES = ("url", "preferredTransport", "additionalInterfaces", "protocolVersion")
_OWN = frozenset({*_ADDRESSES, "security", "supportsAuthenticatedExtendedCard"})
"""Keys of a card that 1.0 does not have."""
_REQUIRED: dict[str, Any] = {
    "name": "",
    "description": "",
    "version": "",
    "capabilities": {},
    "defaultInputModes": [],
    "defaultOutputModes": [],
    "skills": [],
}
"""Keys that a card of 0.3 must have, each with its default."""
_REQUIRED_OF_SKILL: dict[str, Any] = {"id": "", "name": "", "description": "", "tags": []}
_REQUIRED_OF_PROVIDER: dict[str, Any] = {"organization": "", "url": ""}


class _Scheme(NamedTuple):
    """A kind of security scheme.

    Attributes:
        type: its name in 0.3, the value of ``type``.
        key: its name in 1.0, the one key of the object.
        required: what 0.3 must have beside the type.
    """

    type: str
    key: str
    required: tuple[str, ...] = ()


_SCHEMES = (
    _Scheme("apiKey", "apiKeySecurityScheme", ("name",)),
    _Scheme("http", "httpAuthSecurityScheme", ("scheme",)),
    _Scheme("oauth2", "oauth2SecurityScheme"),
    _Scheme("openIdConnect", "openIdConnectSecurityScheme", ("openIdConnectUrl",)),
    _Scheme("mutualTLS", "mtlsSecurityScheme"),
)
_OF_SCHEME = frozenset(
    ["type", "description", "in", "name", "scheme", "bearerFormat", "flows", "oauth2MetadataUrl", "openIdConnectUrl"]
)
"""Keys of schemes of 0.3."""
_PLACES = ("header", "query", "cookie")
"""Where 0.3 lets an API key be."""
_FLOWS: dict[str, tuple[str, ...]] = {
    "clientCredentials": ("tokenUrl",),
    "authorizationCode": ("authorizationUrl", "tokenUrl"),
    "password": ("tokenUrl",),
    "implicit": ("authorizationUrl",),
}
"""The flows of OAuth 2 that 0.3 has, with the addresses that they must have.

A scheme of 1.0 has one flow: the first of these is kept, because a gateway calls agents in its own name.
"""


def is_version(text: Any) -> bool:
    """Whether a text is a version of A2A 0.3."""
    return isinstance(text, str) and _VERSION.match(text) is not None


def upgrade_card(tree: dict[str, Any], lost: list[str] | None = None) -> dict[str, Any]:
    """The card in the form of 1.0. Of a card with the keys of both versions 1.0's win; one of 1.0 stays as it is.

    The addresses that 0.3's keys name follow those of ``supportedInterfaces``, in version 0.3.

    Args:
        tree: any JSON object. What has another form than A2A says stays, or is left out.
        lost: takes what was left out or supposed, a text for each place: the first 20.
    """
    told: list[str] = []
    if _PROTO_SCHEMES in tree and _SCHEMES_KEY not in tree:
        # As ProtoJSON may write it: what is 0.3's below it must be found as well.
        tree = {_SCHEMES_KEY if key == _PROTO_SCHEMES else key: value for key, value in tree.items()}
    out = {key: value for key, value in tree.items() if key not in _OWN}
    _upgrade_addresses(tree, out, told)
    _upgrade_security(tree, out, "", told)
    _upgrade_capabilities(tree, out)
    if is_array(skills := tree.get("skills")):
        out["skills"] = [_upgrade_skill(skill, f"skills[{index}].", told) for index, skill in enumerate(skills)]
    if is_object(schemes := tree.get("securitySchemes")):
        upgraded = {name: _upgrade_scheme(scheme, name, told) for name, scheme in schemes.items()}
        out["securitySchemes"] = {name: scheme for name, scheme in upgraded.items() if scheme is not None}
    if lost is not None:
        lost += told[:_LISTED]
    return out


def _upgrade_capabilities(tree: dict[str, Any], out: dict[str, Any]) -> None:
    extended = {"extendedAgentCard": True} if tree.get("supportsAuthenticatedExtendedCard") is True else {}
    given = tree.get("capabilities")
    if is_object(given):
        known = {key: value for key, value in given.items() if key != "stateTransitionHistory"}
        out["capabilities"] = known if "extended_agent_card" in known else {**extended, **known}
    elif given is None and extended:
        out["capabilities"] = extended


def _upgrade_addresses(tree: dict[str, Any], out: dict[str, Any], told: list[str]) -> None:
    key = "supported_interfaces" if "supported_interfaces" in tree else "supportedInterfaces"
    listed = tree.get(key)
    said = tree.get("protocolVersion")
    # A card of 1.0 may have keys of its own, so there 0.3's count only if it says that it is one of 0.3 as well.
    if not is_version(said) and (said is not None or is_array(listed) or not _text(tree, "url")):
        return
    found = list(_addresses(tree, told))
    if not found:
        return
    if said is None:
        told.append(f"protocolVersion: left out, read as {LEGACY_VERSION}")
    known = list(listed) if is_array(listed) else []
    before = {(_text(one, "url"), _binding(one)) for one in known if is_version(_version(one))}
    out[key] = known + [
        {"url": url, "protocolBinding": transport, "protocolVersion": LEGACY_VERSION}
        for url, transport in dict.fromkeys(found)
        if (url, transport) not in before
    ]


def _addresses(tree: dict[str, Any], told: list[str]) -> Iterator[tuple[str, str]]:
    """The addresses that 0.3's keys name, each with its transport, the main one first."""
    url, transport = tree.get("url"), tree.get("preferredTransport")
    if isinstance(url, str) and url:
        if not isinstance(transport, str) or not transport:
            transport = _DEFAULT_TRANSPORT
        yield url, transport
    further = tree.get("additionalInterfaces")
    for index, one in enumerate(further if is_array(further) else ()):
        if _text(one, "url") and _text(one, "transport"):
            yield _text(one, "url"), _text(one, "transport")
        else:
            told.append(f"additionalInterfaces[{index}]: has no url and transport: left out")


def _upgrade_security(tree: dict[str, Any], out: dict[str, Any], place: str, told: list[str]) -> None:
    """Write ``security`` of a card or skill as ``securityRequirements``, if it has none."""
    given = out.pop("security", None) if "security" in out else tree.get("security")
    if given is None or "securityRequirements" in tree or "security_requirements" in tree:
        return
    if is_array(given) and all(is_object(one) and all(map(is_array, one.values())) for one in given):
        requirements = cast("list[dict[str, Any]]", given)
        out["securityRequirements"] = [
            {"schemes": {name: {"list": scopes} for name, scopes in one.items()}} for one in requirements
        ]
    else:
        told.append(f"{place}security: is no list of schemes with their scopes: left out")


def _upgrade_skill(skill: Any, place: str, told: list[str]) -> Any:
    if not is_object(skill) or "security" not in skill:
        return skill
    out = dict(skill)
    _upgrade_security(skill, out, place, told)
    return out


def _upgrade_scheme(scheme: Any, name: str, told: list[str]) -> Any:
    if not is_object(scheme) or "type" not in scheme:
        return scheme
    keys = {one.key for one in _SCHEMES}
    if not keys.isdisjoint(scheme):
        return {key: value for key, value in scheme.items() if key not in _OF_SCHEME}
    kind = next((one for one in _SCHEMES if one.type == scheme["type"]), None)
    if kind is None:
        told.append(f"securitySchemes.{name[:64]}: its type is none of A2A's: left out")
        return None
    inner = {"location" if key == "in" else key: value for key, value in scheme.items() if key != "type"}
    if is_object(flows := inner.get("flows")):
        kept = next((flow for flow in _FLOWS if flows.get(flow) is not None), "")
        further = [flow for flow, value in flows.items() if flow != kept and value is not None]
        if further:
            told.append(f"securitySchemes.{name[:64]}.flows: a scheme of 1.0 has one: {kept or 'none'} is kept")
        inner["flows"] = {kept: flows[kept]} if kept else {}
    return {kind.key: inner}


def addresses_of(tree: dict[str, Any]) -> list[dict[str, str]]:
    """The addresses of a card of 1.0 that a card of 0.3 can name, as ``additionalInterfaces`` has them.

    0.3 has no place for a ``tenant``: where one is wanted, what comes without it is not served.
    """
    listed: list[Any] = tree.get("supportedInterfaces") or []
    found = [
        (_text(one, "url"), _binding(one)) for one in listed if is_version(_version(one)) and not one.get("tenant")
    ]
    return [{"url": url, "transport": transport} for url, transport in dict.fromkeys(found)]


def downgrade_card(tree: dict[str, Any]) -> dict[str, Any]:
    """The card of 0.3 of a card of 1.0.

    Raises:
        ValueError: the card has no address of 0.3.
    """
    addresses = addresses_of(tree)
    if not addresses:
        raise ValueError("the card has no address of A2A 0.3")
    moved = ("supportedInterfaces", "securityRequirements", "securitySchemes")
    out: dict[str, Any] = {
        "protocolVersion": _RELEASE,
        **_filled({key: value for key, value in tree.items() if key not in moved}, _REQUIRED),
        "url": addresses[0]["url"],
        "preferredTransport": addresses[0]["transport"],
        # The main address is among them, as the specification advises (section 5.6).
        "additionalInterfaces": addresses,
    }
    capabilities = dict(out["capabilities"])
    if capabilities.pop("extendedAgentCard", None):
        out["supportsAuthenticatedExtendedCard"] = True
    out["capabilities"] = capabilities
    if is_object(provider := out.get("provider")):
        out["provider"] = _filled(provider, _REQUIRED_OF_PROVIDER)
    out["skills"] = [_downgrade_skill(skill) for skill in out["skills"]]
    if tree.get("securityRequirements"):
        out["security"] = _downgrade_security(tree["securityRequirements"])
    if schemes := _downgrade_schemes(tree.get("securitySchemes") or {}):
        out["securitySchemes"] = schemes
    return out


def _downgrade_skill(skill: dict[str, Any]) -> dict[str, Any]:
    out = _filled({key: value for key, value in skill.items() if key != "securityRequirements"}, _REQUIRED_OF_SKILL)
    if skill.get("securityRequirements"):
        out["security"] = _downgrade_security(skill["securityRequirements"])
    return out


def _downgrade_security(requirements: Iterable[dict[str, Any]]) -> list[dict[str, list[str]]]:
    return [
        {name: _scopes(scopes) for name, scopes in cast("dict[str, Any]", one.get("schemes") or {}).items()}
        for one in requirements
    ]


def _scopes(given: Any) -> list[str]:
    """The scopes of a requirement: a list, or as ProtoJSON writes it."""
    found = given.get("list") if is_object(given) else given
    return list(found) if is_array(found) else []


def _downgrade_schemes(schemes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, scheme in schemes.items():
        for kind in _SCHEMES:
            if is_object(inner := scheme.get(kind.key)):
                out = _filled({"type": kind.type, **inner}, dict.fromkeys(kind.required, ""))
                if kind.type == "apiKey":
                    out["in"] = out.pop("location", "")
                    if out["in"] not in _PLACES:
                        continue
                if kind.type == "oauth2":
                    out["flows"] = _downgrade_flows(out.get("flows") or {})
                found[name] = out
    return found


def _downgrade_flows(flows: dict[str, Any]) -> dict[str, Any]:
    return {
        flow: _filled(
            {key: value for key, value in flows[flow].items() if key != "pkceRequired"},
            {**dict.fromkeys(required, ""), "scopes": {}},
        )
        for flow, required in _FLOWS.items()
        if is_object(flows.get(flow))
    }


def merge_card(tree: dict[str, Any]) -> dict[str, Any]:
    """A card of 1.0 with the keys of 0.3 beside its own, for readers of either; as it is without an address of 0.3.

    A security scheme has the one key of 1.0 and beside it the keys of 0.3.
    """
    if not addresses_of(tree):
        return tree
    old = downgrade_card(tree)
    out = _filled(tree, old)
    schemes: dict[str, Any] = old.get("securitySchemes", {})
    if given := tree.get("securitySchemes"):
        out["securitySchemes"] = {name: {**schemes.get(name, {}), **scheme} for name, scheme in given.items()}
    out["skills"] = [_filled(skill, older) for skill, older in zip(out["skills"], old["skills"], strict=True)]
    return out


def _filled(tree: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The object with what it lacks."""
    return {**tree, **{key: value for key, value in defaults.items() if tree.get(key) is None}}


def _text(tree: Any, key: str) -> str:
    """The text under a key, or ""."""
    value = tree.get(key) if is_object(tree) else None
    return value if isinstance(value, str) else ""


def _binding(one: Any) -> str:
    return _text(one, "protocolBinding") or _text(one, "protocol_binding")


def _version(one: Any) -> str:
    return _text(one, "protocolVersion") or _text(one, "protocol_version")
