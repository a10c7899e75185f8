"""Cards of A2A 0.3 become cards of 1.0, and back; a2a-sdk's own types of both versions are the other end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.compat.v0_3 import conversions
from a2a.compat.v0_3 import types as theirs
from a2a.types import a2a_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.v0_3.cards import addresses_of, downgrade_card, is_version, merge_card, upgrade_card

Tree = dict[str, Any]

LOST_BY_1_0 = frozenset({"stateTransitionHistory"})
FLOWS = ("clientCredentials", "authorizationCode", "password", "implicit")
URLS = st.sampled_from(["https://h/a", "https://h/b", "h:50051"])
TRANSPORTS = st.sampled_from(["JSONRPC", "GRPC", "HTTP+JSON", "urn:own"])
TEXT = st.text("aé ", min_size=1, max_size=4)
TEXTS = st.lists(TEXT, max_size=2)
NAMES = st.sampled_from(["key", "oidc", "own"])
SCOPES = st.dictionaries(st.sampled_from(["read", "write"]), TEXT, max_size=2)


def some(**fields: Any) -> st.SearchStrategy[Tree]:
    """Objects with any of these keys."""
    return st.fixed_dictionaries({}, optional=fields)


def both(needed: Tree, **fields: Any) -> st.SearchStrategy[Tree]:
    """Objects with these keys, and any of those."""
    return st.fixed_dictionaries(needed, optional=fields)


ADDRESSES = {"authorizationUrl": TEXT, "tokenUrl": TEXT}
OF_FLOW = {"clientCredentials": ["tokenUrl"], "authorizationCode": list(ADDRESSES)} | {
    "password": ["tokenUrl"],
    "implicit": ["authorizationUrl"],
}


def flow(name: str, **further: Any) -> st.SearchStrategy[Tree]:
    needed = {key: ADDRESSES[key] for key in OF_FLOW[name]}
    return both({"scopes": SCOPES, **needed}, refreshUrl=TEXT, **further)


EXTENSION = both({"uri": TEXT}, description=TEXT, required=st.booleans(), params=st.dictionaries(TEXT, TEXT))
SIGNATURE = both({"protected": TEXT, "signature": TEXT}, header=st.dictionaries(TEXT, TEXT, min_size=1, max_size=1))
SKILL: Tree = {"id": TEXT, "name": TEXT, "description": TEXT, "tags": TEXTS}
OF_SKILL = {"examples": TEXTS, "inputModes": TEXTS, "outputModes": TEXTS}
CARD: Tree = {
    "name": TEXT,
    "description": TEXT,
    "version": TEXT,
    "defaultInputModes": TEXTS,
    "defaultOutputModes": TEXTS,
}
OF_CARD: Tree = {
    "provider": st.fixed_dictionaries({"organization": TEXT, "url": TEXT}),
    "documentationUrl": TEXT,
    "iconUrl": TEXT,
    "signatures": st.lists(SIGNATURE, max_size=1),
}
CAPABILITIES = {"streaming": st.booleans(), "pushNotifications": st.booleans(), "extensions": st.lists(EXTENSION)}

SECURITY = st.lists(st.dictionaries(NAMES, TEXTS, max_size=2), min_size=1, max_size=2)
OLD_SCHEMES = st.one_of(
    both({"type": st.just("apiKey"), "in": st.sampled_from(["header", "query", "cookie"]), "name": TEXT}),
    both({"type": st.just("http"), "scheme": TEXT}, bearerFormat=TEXT, description=TEXT),
    both(
        {"type": st.just("oauth2"), "flows": some(**{name: flow(name) for name in FLOWS})},
        oauth2MetadataUrl=TEXT,
        description=TEXT,
    ),
    both({"type": st.just("openIdConnect"), "openIdConnectUrl": TEXT}, description=TEXT),
    both({"type": st.just("mutualTLS")}, description=TEXT),
)
OLD = both(
    {
        **CARD,
        "protocolVersion": st.sampled_from(["0.3", "0.3.0"]),
        "url": URLS,
        "capabilities": some(**CAPABILITIES, stateTransitionHistory=st.booleans()),
        "skills": st.lists(both(SKILL, **OF_SKILL, security=SECURITY), max_size=2),
    },
    **OF_CARD,
    preferredTransport=TRANSPORTS,
    additionalInterfaces=st.lists(st.fixed_dictionaries({"url": URLS, "transport": TRANSPORTS}), max_size=4),
    supportsAuthenticatedExtendedCard=st.booleans(),
    security=SECURITY,
    securitySchemes=st.dictionaries(NAMES, OLD_SCHEMES, min_size=1, max_size=3),
)
"""Cards of 0.3."""

REQUIREMENTS = st.lists(
    st.fixed_dictionaries({"schemes": st.dictionaries(NAMES, st.fixed_dictionaries({"list": TEXTS}))}),
    min_size=1,
    max_size=2,
)
NEW_FLOWS = st.one_of(
    *(st.fixed_dictionaries({name: flow(name)}) for name in FLOWS),
    st.fixed_dictionaries({"authorizationCode": flow("authorizationCode", pkceRequired=st.booleans())}),
    st.just({"deviceCode": {"deviceAuthorizationUrl": "d", "tokenUrl": "t", "scopes": {}}}),
)
NEW_SCHEMES = st.one_of(
    both({"location": st.sampled_from(["header", "query", "cookie", "body"]), "name": TEXT}).map(
        lambda one: {"apiKeySecurityScheme": one}
    ),
    both({"scheme": TEXT}, bearerFormat=TEXT, description=TEXT).map(lambda one: {"httpAuthSecurityScheme": one}),
    both({"flows": NEW_FLOWS}, oauth2MetadataUrl=TEXT).map(lambda one: {"oauth2SecurityScheme": one}),
    both({"openIdConnectUrl": TEXT}).map(lambda one: {"openIdConnectSecurityScheme": one}),
    some(description=TEXT).map(lambda one: {"mtlsSecurityScheme": one}),
)
INTERFACE = both(
    {"url": URLS, "protocolBinding": TRANSPORTS, "protocolVersion": st.sampled_from(["1.0", "0.3", "0.3.0"])},
    tenant=TEXT,
)
NEW = both(
    {
        **CARD,
        "supportedInterfaces": st.lists(INTERFACE, max_size=5),
        "capabilities": some(**CAPABILITIES, extendedAgentCard=st.sampled_from([True])),
        "skills": st.lists(both(SKILL, **OF_SKILL, securityRequirements=REQUIREMENTS), max_size=2),
    },
    **OF_CARD,
    securityRequirements=REQUIREMENTS,
    securitySchemes=st.dictionaries(NAMES, NEW_SCHEMES, min_size=1, max_size=3),
)
"""Cards of 1.0."""


def after_1_0(card: Tree) -> Tree:
    """What is left of a card of 0.3 that has been one of 1.0: all but what the module's docstring names."""
    out = copy.deepcopy(card)
    out["protocolVersion"] = "0.3.0"
    out.setdefault("preferredTransport", "JSONRPC")
    addresses = [{"url": out["url"], "transport": out["preferredTransport"]}, *out.get("additionalInterfaces", ())]
    out["additionalInterfaces"] = [one for place, one in enumerate(addresses) if one not in addresses[:place]]
    out["capabilities"].pop("stateTransitionHistory", None)
    if not out.get("supportsAuthenticatedExtendedCard"):
        out.pop("supportsAuthenticatedExtendedCard", None)
    for scheme in out.get("securitySchemes", {}).values():
        if scheme["type"] == "oauth2":
            kept = [name for name in FLOWS if name in scheme["flows"]][:1]
            scheme["flows"] = {name: scheme["flows"][name] for name in kept}
    return out


def without_new_flows(scheme: Tree) -> None:
    """Take out what 0.3 has no place for."""
    flows = scheme.get("oauth2SecurityScheme", {}).get("flows", {})
    flows.pop("deviceCode", None)
    for each in flows.values():
        each.pop("pkceRequired", None)


def after_0_3(card: Tree) -> Tree:
    """What is left of a card of 1.0 that has been one of 0.3: all but what the module's docstring names."""
    out = copy.deepcopy(card)
    kept = [one for one in out["supportedInterfaces"] if one["protocolVersion"] != "1.0" and not one.get("tenant")]
    for one in kept:
        one["protocolVersion"] = "0.3"
        one.pop("tenant", None)
    out["supportedInterfaces"] = [one for place, one in enumerate(kept) if one not in kept[:place]]
    schemes = out.get("securitySchemes", {})
    for name, scheme in list(schemes.items()):
        if scheme.get("apiKeySecurityScheme", {}).get("location") == "body":
            del schemes[name]
        without_new_flows(scheme)
    if not schemes:
        out.pop("securitySchemes", None)
    return out


@given(OLD)
def test_a_card_of_0_3_that_was_one_of_1_0_has_lost_what_is_named(card: Tree) -> None:
    back = downgrade_card(upgrade_card(card))
    assert back == after_1_0(card)
    assert theirs.AgentCard.model_validate(back) == theirs.AgentCard.model_validate(after_1_0(card))


@given(OLD)
def test_a_card_of_0_3_becomes_what_a2a_sdk_makes_of_it(card: Tree) -> None:
    card = after_1_0(card)
    ours = json_format.ParseDict(upgrade_card(card), a2a_pb2.AgentCard())  # refuses every key that 1.0 does not know
    sdk = conversions.to_core_agent_card(theirs.AgentCard.model_validate(card))
    del sdk.supported_interfaces[0]  # it lists the main address twice
    for one in sdk.supported_interfaces:
        one.protocol_version = "0.3"
    if card.get("supportsAuthenticatedExtendedCard") is None:
        sdk.capabilities.ClearField("extended_agent_card")
    for extension, old in zip(sdk.capabilities.extensions, card["capabilities"].get("extensions", ()), strict=True):
        if old.get("params") == {}:
            extension.params.SetInParent()
    for signature in (*ours.signatures, *sdk.signatures):
        signature.ClearField("header")
    assert ours == sdk


@given(NEW)
def test_a_card_of_1_0_that_was_one_of_0_3_has_lost_what_is_named(card: Tree) -> None:
    if not addresses_of(card):
        with pytest.raises(ValueError, match="no address"):
            downgrade_card(card)
        return
    old = downgrade_card(card)
    theirs.AgentCard.model_validate(old)
    assert upgrade_card(old) == after_0_3(card)


@given(NEW)
def test_a_merged_card_is_read_by_readers_of_both_versions(card: Tree) -> None:
    merged = merge_card(card)
    # Where a scheme has the keys of both versions, a2a-sdk reads those of 0.3.
    seen = copy.deepcopy(card)
    for scheme in seen.get("securitySchemes", {}).values() if addresses_of(card) else ():
        without_new_flows(scheme)
    assert parse_agent_card(copy.deepcopy(merged)) == json_format.ParseDict(seen, a2a_pb2.AgentCard())
    assert {**upgrade_card(merged), "supportedInterfaces": 0} == {**card, "supportedInterfaces": 0}
    known = upgrade_card(merged)["supportedInterfaces"]
    assert known[: len(card["supportedInterfaces"])] == card["supportedInterfaces"]
    if not addresses_of(card):
        assert merged == card
        return
    old = theirs.AgentCard.model_validate(downgrade_card(card))
    read = theirs.AgentCard.model_validate(merged)
    # An API key in a place that 0.3 does not have stays in 1.0's form alone, which is nothing to a reader of 0.3.
    for one in (old, read):
        one.security_schemes = {
            name: scheme
            for name, scheme in (one.security_schemes or {}).items()
            if card["securitySchemes"][name].get("apiKeySecurityScheme", {}).get("location") != "body"
        }
    assert read == old


KEYS = st.sampled_from(
    [
        *("url", "preferredTransport", "additionalInterfaces", "protocolVersion", "transport"),
        *("security", "securitySchemes", "type", "in", "flows", "implicit", "skills", "x"),
        *("supportsAuthenticatedExtendedCard", "capabilities", "supportedInterfaces", "supported_interfaces"),
    ]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.sampled_from(["", "0.3", "0.3.0", "1.0", "apiKey", "oauth2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, ANY))
def test_any_object_may_be_read_and_a_second_time_changes_nothing(tree: Tree) -> None:
    before = copy.deepcopy(tree)
    told: list[str] = []
    once = upgrade_card(tree, told)
    assert tree == before
    assert upgrade_card(once) == once
    assert len(told) <= 20


ADDRESS = {"url": "https://h/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, [("https://h/old", "JSONRPC", "0.3")]),
        ({"preferredTransport": "GRPC"}, [("https://h/old", "GRPC", "0.3")]),
        ({"preferredTransport": None}, [("https://h/old", "JSONRPC", "0.3")]),
        ({"url": "", "additionalInterfaces": [{"url": "u", "transport": "GRPC"}]}, [("u", "GRPC", "0.3")]),
        # Of a card with the keys of both versions, 1.0's come first, and nothing twice.
        (
            {"supportedInterfaces": [ADDRESS]},
            [("https://h/rpc", "JSONRPC", "1.0"), ("https://h/old", "JSONRPC", "0.3")],
        ),
        (
            {"supportedInterfaces": [{**ADDRESS, "url": "https://h/old", "protocolVersion": "0.3.0"}]},
            [("https://h/old", "JSONRPC", "0.3.0")],
        ),
        # A card of 1.0 may have a url of its own.
        ({"supportedInterfaces": [ADDRESS], "protocolVersion": None}, [("https://h/rpc", "JSONRPC", "1.0")]),
        ({"supportedInterfaces": [ADDRESS], "protocolVersion": "1.0"}, [("https://h/rpc", "JSONRPC", "1.0")]),
    ],
)
def test_each_address_is_of_the_version_whose_keys_name_it(changes: Tree, listed: list[tuple[str, str, str]]) -> None:
    tree = upgrade_card({"url": "https://h/old", "protocolVersion": "0.3.0", **changes})
    found = tree["supportedInterfaces"]
    assert [(one["url"], one["protocolBinding"], one["protocolVersion"]) for one in found] == listed


def test_what_is_left_out_or_supposed_is_told() -> None:
    told: list[str] = []
    flows: Tree = {"implicit": {}, "password": {}}
    card: Tree = {
        "url": "u",
        "additionalInterfaces": [{"url": "v"}, 1],
        "security": {"key": []},
        "skills": [{"security": [1]}, 2],
        "securitySchemes": {"a": {"type": "basic"}, "b": {"type": "oauth2", "flows": flows}, "c": 1},
    }
    assert upgrade_card(card, told)["securitySchemes"] == {
        "b": {"oauth2SecurityScheme": {"flows": {"password": {}}}},
        "c": 1,
    }
    assert told == [
        "additionalInterfaces[0]: has no url and transport: left out",
        "additionalInterfaces[1]: has no url and transport: left out",
        "protocolVersion: left out, read as 0.3",
        "security: is no list of schemes with their scopes: left out",
        "skills[0].security: is no list of schemes with their scopes: left out",
        "securitySchemes.a: its type is none of A2A's: left out",
        "securitySchemes.b.flows: a scheme of 1.0 has one: password is kept",
    ]


def test_the_version_0_3_has_patches_and_no_neighbours() -> None:
    assert [text for text in ("0.3", "0.3.0", "0.3.1", "0.30", "0.2", "1.0", "", None, 0.3) if is_version(text)] == [
        "0.3",
        "0.3.0",
        "0.3.1",
    ]
