"""The rules by which SDKs read cards, against what the SDKs themselves did with the same cards."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meshgate.a2a.cards import interface, rewrite, strict
from meshgate.a2a.v0_3.cards import downgrade_card, merge_card
from meshgate.cli.card.readers import READERS, Reader, faults_for

pytestmark = pytest.mark.requirement("cards.check")

Tree = dict[str, Any]
URL = "http://127.0.0.1:8080/agents/w"
OWN: Tree = {
    "name": "w",
    "description": "d",
    "version": "1.0.0",
    "capabilities": {"streaming": True, "extensions": [{"uri": "https://x"}]},
    "skills": [{"id": "s", "name": "S", "description": "d", "tags": ["t"]}],
}
NEW = [interface(URL, "JSONRPC"), interface(URL, "HTTP+JSON")]
OLD = [interface(URL, "JSONRPC", "0.3"), interface(URL, "HTTP+JSON", "0.3")]
CARDS = {
    "merged": merge_card(rewrite(OWN, NEW + OLD)),
    "1.0": rewrite(OWN, NEW),
    "0.3": downgrade_card(rewrite(OWN, NEW + OLD)),
}
LETTERS = dict(zip("PJGRAMFVpjgv", READERS, strict=True))
"""A letter for each SDK, in their order; a small one for those of A2A 0.3."""
TRIED = "PJGRFpjgv"
"""Those that the cards below were given to; the others have rules of theirs, or were tried by hand."""
GONE = object()
LIST_FORM: list[Tree] = [{"schemes": {"key": {"list": []}}}]
IN_BODY = {"type": "apiKey", "in": "body", "name": "n", "apiKeySecurityScheme": {"location": "body", "name": "n"}}

SEEN: list[tuple[str, str, Any, str]] = [
    ("merged", "", GONE, ""),
    ("1.0", "", GONE, "pjgv"),
    ("0.3", "", GONE, "JGR"),
    ("merged", "name", GONE, "RFpv"),
    ("merged", "description", GONE, "Fpv"),
    ("merged", "version", GONE, "RFpv"),
    ("merged", "supportedInterfaces", GONE, "JGR"),
    ("merged", "capabilities", GONE, "RFpv"),
    ("merged", "skills", GONE, "Fpv"),
    ("merged", "defaultInputModes", GONE, "Fpv"),
    ("merged", "defaultOutputModes", GONE, "Fpv"),
    ("merged", "securitySchemes", GONE, ""),
    ("merged", "securityRequirements", GONE, ""),
    ("merged", "protocolVersion", GONE, ""),
    ("merged", "url", GONE, "pv"),
    ("merged", "preferredTransport", GONE, ""),
    ("merged", "additionalInterfaces", GONE, ""),
    ("merged", "security", GONE, ""),
    ("merged", "skills.0.id", GONE, "RFpv"),
    ("merged", "skills.0.name", GONE, "RFpv"),
    ("merged", "skills.0.description", GONE, "RFpv"),
    ("merged", "skills.0.tags", GONE, "RFpv"),
    ("merged", "skills.0.inputModes", GONE, "F"),
    ("merged", "skills.0.outputModes", GONE, "F"),
    ("1.0", "name", GONE, "RFpjgv"),
    ("1.0", "description", GONE, "Fpjgv"),
    ("1.0", "version", GONE, "RFpjgv"),
    ("1.0", "supportedInterfaces", GONE, "PJGRpjgv"),
    ("1.0", "capabilities", GONE, "RFpjgv"),
    ("1.0", "skills", GONE, "Fpjgv"),
    ("1.0", "defaultInputModes", GONE, "Fpjgv"),
    ("1.0", "defaultOutputModes", GONE, "Fpjgv"),
    ("1.0", "securitySchemes", GONE, "pjgv"),
    ("1.0", "securityRequirements", GONE, "pjgv"),
    ("0.3", "protocolVersion", GONE, "JGR"),
    ("0.3", "name", GONE, "JGRFpv"),
    ("0.3", "description", GONE, "JGRFpv"),
    ("0.3", "version", GONE, "JGRFpv"),
    ("0.3", "capabilities", GONE, "JGRFpv"),
    ("0.3", "skills", GONE, "JGRFpv"),
    ("0.3", "defaultInputModes", GONE, "JGRFpv"),
    ("0.3", "defaultOutputModes", GONE, "JGRFpv"),
    ("0.3", "url", GONE, "PJGRpv"),
    ("0.3", "preferredTransport", GONE, "JGR"),
    ("0.3", "additionalInterfaces", GONE, "JGR"),
    ("0.3", "security", GONE, "JGR"),
    ("0.3", "securitySchemes", GONE, "JGR"),
    ("merged", "provider", {"url": "u"}, "RFpv"),
    ("merged", "provider", {"organization": "u"}, "RFpv"),
    ("merged", "skills.0.tags", None, "RFpv"),
    ("merged", "capabilities.extensions", None, "F"),
    ("merged", "foo", 1, ""),
    ("merged", "securityRequirements", LIST_FORM, "GF"),
    ("merged", "skills.0.securityRequirements", LIST_FORM, "GF"),
    ("merged", "securitySchemes.key.httpAuthSecurityScheme", GONE, "GR"),
    ("merged", "securitySchemes.key", {"httpAuthSecurityScheme": {"scheme": "Bearer"}}, "gv"),
    ("merged", "securitySchemes.key", IN_BODY, "p"),
    ("merged", "securitySchemes", {}, ""),
    ("1.0", "supportedInterfaces.0.protocolVersion", "1.0.1", "pjgv"),
]
"""A card, the place that is changed, what stands there then, and the SDKs that could not use it."""


def changed(card: Tree, place: str, value: Any) -> Tree:
    out = copy.deepcopy(card)
    *above, last = place.split(".")
    at: Any = out
    for key in above:
        at = at[int(key) if key.isdigit() else key]
    if value is GONE:
        at.pop(last, None)
    else:
        at[last] = value
    return out


@pytest.mark.parametrize(("base", "place", "value", "failed"), SEEN)
def test_the_rules_say_what_the_sdks_did(base: str, place: str, value: Any, failed: str) -> None:
    card = changed(CARDS[base], place, value)
    assert "".join(letter for letter in TRIED if faults_for(LETTERS[letter], card)) == failed


def reader(name: str) -> Reader:
    return next(one for one in READERS if one.name == name)


def test_adk_wants_addresses_that_are_safe_and_of_one_origin() -> None:
    adk = reader("google-adk")
    assert faults_for(adk, CARDS["merged"]) == []
    for url, fault in [
        ("127.0.0.1:8081", "'127.0.0.1:8081': each address must be https, or http on loopback"),
        ("http://10.0.0.1/", "'http://10.0.0.1/': each address must be https, or http on loopback"),
        ("http://[", "'http://[': each address must be https, or http on loopback"),
        ("https://h/", "supportedInterfaces: all addresses must have one origin"),
    ]:
        card = rewrite(OWN, [*NEW, interface(url, "GRPC")])
        (told,) = faults_for(adk, card)
        assert told.startswith(fault)


def test_a_strict_reader_of_1_0_refuses_the_keys_of_0_3() -> None:
    java = reader("io.github.a2asdk")
    assert faults_for(java, strict(CARDS["1.0"])) == []
    (told,) = faults_for(java, strict(CARDS["merged"]))
    assert told.startswith("protocolVersion, url, preferredTransport, additionalInterfaces, security: ")
    (told,) = faults_for(java, CARDS["1.0"])
    assert told == 'securityRequirements[0].schemes.key: must be {"list": [...]}, as ProtoJSON writes it'


@pytest.mark.parametrize("value", [None, 1, "x", [], [1], {}, {"a": 1}, [None], [{}], [{"schemes": 1}]])
@pytest.mark.parametrize("key", [*CARDS["merged"], "provider"])
def test_any_value_may_stand_anywhere(key: str, value: Any) -> None:
    for one in READERS:
        faults_for(one, {**CARDS["merged"], key: value})
