"""What the SDKs in use want of an agent card: rules, each seen with the SDK itself (docs/interop.md has the table)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from meshgate.a2a.codec.strict_json import is_array, is_object

__all__ = ["READERS", "Reader", "faults_for"]

Tree = dict[str, Any]
Rule = Callable[[Tree], Iterable[str]]

_SKILL = ("id", "name", "description", "tags")
_CARD_0_3 = ("name", "description", "version", "capabilities", "skills", "defaultInputModes", "defaultOutputModes")
_SCHEMES_1_0 = frozenset(
    {
        "apiKeySecurityScheme",
        "httpAuthSecurityScheme",
        "oauth2SecurityScheme",
        "openIdConnectSecurityScheme",
        "mtlsSecurityScheme",
    }
)
_KEYS_0_3 = (
    *("protocolVersion", "url", "preferredTransport", "additionalInterfaces", "security"),
    "supportsAuthenticatedExtendedCard",
)
_OVER_HTTP = ("JSONRPC", "HTTP+JSON")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Reader(NamedTuple):
    """An SDK that reads cards.

    Attributes:
        name: its package.
        version: the release that the rules were seen with.
        language: what it is written for.
        rules: each gives what is wrong with a card for it, in sentences.
    """

    name: str
    version: str
    language: str
    rules: tuple[Rule, ...]


def faults_for(reader: Reader, card: Tree) -> list[str]:
    """Why a reader cannot use a card; empty if it can."""
    return list(dict.fromkeys(fault for rule in reader.rules for fault in rule(card)))


def _objects(value: Any) -> list[Tree]:
    return [one for one in value if is_object(one)] if is_array(value) else []


def _interfaces(card: Tree) -> list[Tree]:
    return _objects(card.get("supportedInterfaces"))


def _transports(card: Tree) -> list[str]:
    """The transports of the addresses that 0.3's keys name."""
    main = [str(card.get("preferredTransport") or "JSONRPC")] if card.get("url") else []
    return main + [str(one.get("transport")) for one in _objects(card.get("additionalInterfaces")) if one.get("url")]


def _schemes(card: Tree) -> dict[str, Tree]:
    given = card.get("securitySchemes")
    return {name: one for name, one in given.items() if is_object(one)} if is_object(given) else {}


def _has(*keys: str) -> Rule:
    def rule(card: Tree) -> Iterator[str]:
        for key in keys:
            if card.get(key) is None:
                yield f"{key}: must be there"

    return rule


def _skills_have(*keys: str) -> Rule:
    def rule(card: Tree) -> Iterator[str]:
        for index, skill in enumerate(_objects(card.get("skills"))):
            for key in keys:
                if skill.get(key) is None:
                    yield f"skills[{index}].{key}: must be there"

    return rule


def _whole_provider(card: Tree) -> Iterator[str]:
    if is_object(provider := card.get("provider")):
        for key in ("organization", "url"):
            if provider.get(key) is None:
                yield f"provider.{key}: must be there"


def _no_null(card: Tree) -> Iterator[str]:
    yield from (f"{key}: must not be null" for key, value in card.items() if value is None)
    if is_object(below := card.get("capabilities")):
        yield from (f"capabilities.{key}: must not be null" for key, value in below.items() if value is None)


def _lists_interfaces(versions: Sequence[str] = ("1", "0.3"), bindings: Sequence[str] = _OVER_HTTP) -> Rule:
    """It looks at ``supportedInterfaces`` alone; ``versions`` are beginnings of what it speaks, "" for any."""

    def rule(card: Tree) -> Iterator[str]:
        found = [one for one in _interfaces(card) if one.get("protocolBinding") in bindings]
        spoken = [
            one for one in found if any(str(one.get("protocolVersion") or "").startswith(each) for each in versions)
        ]
        if not card.get("supportedInterfaces"):
            yield "supportedInterfaces: must be there; this SDK does not read the keys of A2A 0.3"
        elif not spoken:
            yield f"supportedInterfaces: has no address over {' or '.join(bindings)} in a version that this SDK speaks"

    return rule


def _names_addresses(*transports: str) -> Rule:
    """It looks at the keys of 0.3 alone."""

    def rule(card: Tree) -> Iterator[str]:
        if not any(one in transports for one in _transports(card)):
            yield f"url, additionalInterfaces: name no address of A2A 0.3 over {' or '.join(transports)}"

    return rule


def _names_any_address(card: Tree) -> Iterator[str]:
    """It looks at both: 1.0's keys, and only without them 0.3's."""
    if "supportedInterfaces" in card:
        found = [one for one in _interfaces(card) if one.get("protocolBinding") in (*_OVER_HTTP, "GRPC")]
        if not found:
            yield "supportedInterfaces: has no address over a binding that this SDK speaks"
    elif not card.get("url"):
        yield "supportedInterfaces, url: one of them must be there"


def _interfaces_have(*keys: str) -> Rule:
    def rule(card: Tree) -> Iterator[str]:
        for index, one in enumerate(_interfaces(card)):
            for key in keys:
                if one.get(key) is None:
                    yield f"supportedInterfaces[{index}].{key}: must be there"

    return rule


def _scopes_are_lists(card: Tree) -> Iterator[str]:
    places = [("", card), *((f"skills[{at}].", one) for at, one in enumerate(_objects(card.get("skills"))))]
    for place, tree in places:
        for index, one in enumerate(_objects(tree.get("securityRequirements"))):
            schemes = one.get("schemes")
            for name, scopes in schemes.items() if is_object(schemes) else ():
                if not is_array(scopes):
                    yield f"{place}securityRequirements[{index}].schemes.{name}: write the list of scopes itself"


def _scopes_as_protojson(card: Tree) -> Iterator[str]:
    for index, one in enumerate(_objects(card.get("securityRequirements"))):
        schemes = one.get("schemes")
        for name, scopes in schemes.items() if is_object(schemes) else ():
            if is_array(scopes):
                yield f'securityRequirements[{index}].schemes.{name}: must be {{"list": [...]}}, as ProtoJSON writes it'


def _schemes_of_1_0(card: Tree) -> Iterator[str]:
    for name, scheme in _schemes(card).items():
        if _SCHEMES_1_0.isdisjoint(scheme):
            yield f"securitySchemes.{name}: has none of the keys of A2A 1.0, such as httpAuthSecurityScheme"


def _schemes_with_type(card: Tree) -> Iterator[str]:
    for name, scheme in _schemes(card).items():
        if not isinstance(scheme.get("type"), str):
            yield f"securitySchemes.{name}.type: must be there"


def _schemes_of_one_form(card: Tree) -> Iterator[str]:
    forms = ["type" in scheme for scheme in _schemes(card).values()]
    if forms and not forms[0] and any(forms):
        yield "securitySchemes: the first has no type, so all others are read as if they had none"


def _key_in_place(card: Tree) -> Iterator[str]:
    for name, scheme in _schemes(card).items():
        if scheme.get("type") == "apiKey" and scheme.get("in") not in ("header", "query", "cookie"):
            yield f"securitySchemes.{name}.in: must be header, query or cookie"


def _no_key_of_0_3(card: Tree) -> Iterator[str]:
    if found := [key for key in _KEYS_0_3 if key in card]:
        yield f"{', '.join(found)}: keys of A2A 0.3 are refused; a gateway's card at NAME+1.0 has none"


def _safe_addresses(card: Tree) -> Iterator[str]:
    hosts: set[str] = set()
    for one in _interfaces(card):
        url = str(one.get("url") or "")
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            parts, host = urlsplit(""), None
        if parts.scheme not in ("http", "https") or (parts.scheme == "http" and host not in _LOOPBACK):
            yield f"{url[:200]!r}: each address must be https, or http on loopback; gRPC's host:port is refused"
        else:
            hosts.add(f"{parts.scheme}://{parts.netloc}")
    if len(hosts) > 1:
        yield "supportedInterfaces: all addresses must have one origin"


_PYTHON_1 = (_names_any_address,)
READERS = (
    Reader("a2a-sdk", "1.3.0", "Python", _PYTHON_1),
    Reader("@a2a-js/sdk", "1.3.0", "JavaScript", (_lists_interfaces(("",)),)),
    Reader(
        "github.com/a2aproject/a2a-go/v2",
        "2.3.1",
        "Go",
        (_lists_interfaces(("1",)), _schemes_of_1_0, _scopes_are_lists),
    ),
    Reader(
        "a2a-client-lf",
        "0.2.9",
        "Rust",
        (
            _has("name", "version", "capabilities"),
            _lists_interfaces(("",), (*_OVER_HTTP, "GRPC")),
            _interfaces_have("url", "protocolBinding", "protocolVersion"),
            _skills_have(*_SKILL),
            _whole_provider,
            _schemes_of_1_0,
        ),
    ),
    Reader("google-adk", "2.13.0", "Python", (*_PYTHON_1, _safe_addresses)),
    Reader("agent-framework-a2a", "1.0.0b261022", "Python", _PYTHON_1),
    Reader(
        "fasta2a",
        "2.1.1",
        "Python",
        (
            _has(*_CARD_0_3),
            _skills_have(*_SKILL, "inputModes", "outputModes"),
            _whole_provider,
            _no_null,
            _scopes_are_lists,
        ),
    ),
    Reader("io.github.a2asdk", "1.0.0.Alpha3", "Java", (_lists_interfaces(), _no_key_of_0_3, _scopes_as_protojson)),
    Reader(
        "a2a-sdk",
        "0.3.26",
        "Python",
        (
            _has(*_CARD_0_3, "url"),
            _names_addresses(*_OVER_HTTP, "GRPC"),
            _skills_have(*_SKILL),
            _whole_provider,
            _key_in_place,
        ),
    ),
    Reader("@a2a-js/sdk", "0.3.14", "JavaScript", (_names_addresses(*_OVER_HTTP), _schemes_of_one_form)),
    Reader("github.com/a2aproject/a2a-go", "0.3.15", "Go", (_names_addresses("JSONRPC", "GRPC"), _schemes_with_type)),
    Reader(
        "io.github.a2asdk",
        "0.3.3.Final",
        "Java",
        (_has(*_CARD_0_3, "url"), _skills_have(*_SKILL), _whole_provider, _schemes_with_type),
    ),
)
"""The SDKs, those of A2A 1.0 first."""
