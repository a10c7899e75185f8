"""Signatures of others: what is taken, what is not, and what is not even looked at."""

from __future__ import annotations

import copy
import json
from typing import Any

import jwt
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import ProtectedHeader, create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from google.protobuf.json_format import MessageToDict
from jwt import algorithms

from meshgate.a2a.cards import interface
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.card_signer import CardSigner
from meshgate.a2a.signatures.card_verifier import Checked, check_signatures, key_of, signatures_of
from meshgate.a2a.signatures.jwk import encoded, thumbprint

pytestmark = pytest.mark.requirement("foreign.verified")

JKU = "https://keys.example/jwks.json"
CARD: dict[str, Any] = {
    "name": "Maps",
    "description": "",
    "version": "1.0.0",
    "supportedInterfaces": [interface("https://maps.example/rpc", "JSONRPC")],
    "capabilities": {"streaming": False},
    "skills": [{"id": "find", "name": "Find", "description": "finds", "tags": []}],
    "x-ours": "a key that A2A does not know",
}
KEYS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS256": rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public(algorithm: str, **more: str) -> dict[str, Any]:
    """The public key as PyJWT writes it."""
    kind = {"E": algorithms.ECAlgorithm, "R": algorithms.RSAAlgorithm, "P": algorithms.RSAAlgorithm}
    writer: Any = algorithms.OKPAlgorithm if algorithm == "EdDSA" else kind[algorithm[0]]
    found: dict[str, Any] = json.loads(writer.to_jwk(KEYS[algorithm].public_key()))
    return {**found, "kid": "k", **more}


def signed(card: dict[str, Any], algorithm: str = "ES256", payload: bytes = b"", **header: Any) -> dict[str, Any]:
    """The card with a signature that PyJWT makes."""
    head = {"kid": "k", "jku": JKU, "typ": "JOSE", **header}
    unsigned = {name: card[name] for name in card if name != "signatures"}
    kept = {key: one for key, one in head.items() if one}
    token = jwt.api_jws.encode(payload or canonical_json(unsigned), KEYS[algorithm], algorithm, kept)
    protected, _, signature = token.split(".")
    return {**card, "signatures": [*card.get("signatures", ()), {"protected": protected, "signature": signature}]}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_of_another_library_is_genuine_over_its_card_alone(algorithm: str) -> None:
    card, keys = signed(CARD, algorithm), {JKU: [public(algorithm)]}
    assert check_signatures(card, keys) == Checked(thumbprint(public(algorithm)), JKU, tried=True)
    changed = copy.deepcopy(card)
    changed["supportedInterfaces"][0]["url"] = "https://evil.example/rpc"
    assert check_signatures(changed, keys) == Checked(tried=True)
    other = {**public(algorithm), **({"x": public("ES256")["y"]} if algorithm[0] == "E" else {"n": "AQAB"})}
    assert check_signatures(card, {JKU: [other]}).key == ""


def test_a_card_that_a2a_sdk_signed_is_genuine_as_json_and_merged_with_keys_of_0_3() -> None:
    message = parse_agent_card(copy.deepcopy(CARD))
    header: ProtectedHeader = {"kid": "k", "alg": "ES256", "jku": JKU, "typ": "JOSE"}
    made = MessageToDict(create_agent_card_signer(KEYS["ES256"], header)(message))
    keys = {JKU: [public("ES256")]}
    for card in (made, {**made, "url": "https://maps.example/rpc", "protocolVersion": "0.3.0"}):
        assert check_signatures(card, keys).key == thumbprint(public("ES256"))
    assert check_signatures({**made, "name": "Atlas"}, keys) == Checked(tried=True)


def test_ours_are_genuine_to_us() -> None:
    signer = CardSigner(KEYS["ES256"], JKU)
    card = {**CARD, "signatures": signer.signatures(CARD)}
    assert check_signatures(card, {JKU: [signer.jwk]}).key == signer.jwk["kid"]


def test_one_genuine_signature_among_others_is_enough() -> None:
    card = signed(signed({**CARD}, "ES384", b"something else", kid="other"), "ES256")
    keys = {JKU: [public("ES384", kid="other"), public("ES256")]}
    assert check_signatures(card, keys).key == thumbprint(public("ES256"))


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"kid": ""}, {}),
        ({"crit": ["b64"]}, {}),
        ({}, {"kid": "another"}),
        ({}, {"use": "enc"}),
        ({}, {"alg": "ES384"}),
        ({"jku": "https://elsewhere.example/"}, {}),
        ({"kid": "k" * 5000}, {"kid": "k" * 5000}),
    ],
)
def test_a_signature_without_a_key_that_may_be_used_proves_nothing(header: dict[str, Any], key: dict[str, str]) -> None:
    assert check_signatures(signed(CARD, **header), {JKU: [public("ES256", **key)]}) == Checked()


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS1", ["ES256"], {}, None, 5])
def test_other_algorithms_are_not_looked_at(algorithm: Any) -> None:
    protected = encoded(json.dumps({"alg": algorithm, "kid": "k", "jku": JKU}).encode())
    assert signatures_of({"signatures": [{"protected": protected, "signature": ""}]}) == []
    assert signatures_of({"signatures": [{"protected": protected, "signature": "AAAA"}]}) == []


def test_a_public_key_is_no_shared_secret() -> None:
    # The classic attack: the public key, known to all, as the secret of an HMAC.
    head = encoded(json.dumps({"alg": "HS256", "kid": "k", "jku": JKU}).encode())
    mac = algorithms.HMACAlgorithm(algorithms.HMACAlgorithm.SHA256)
    data = f"{head}.{encoded(canonical_json(CARD))}".encode()
    card = {**CARD, "signatures": [{"protected": head, "signature": encoded(mac.sign(data, b"public"))}]}
    assert check_signatures(card, {JKU: [public("ES256")]}) == Checked()


@pytest.mark.parametrize(
    "listed", [None, {}, "x", [None], [{}], [{"protected": "e30"}], [{"protected": "!", "signature": "AA"}], [[]]]
)
def test_what_is_no_signature_is_passed_over(listed: Any) -> None:
    assert signatures_of({"signatures": listed}) == []


def test_only_the_first_eight_are_looked_at() -> None:
    (one,) = signed(CARD)["signatures"]
    assert len(signatures_of({"signatures": [one] * 9})) == 8
    late = {**CARD, "signatures": [{"protected": "e30", "signature": "AA"}] * 8 + [one]}
    assert check_signatures(late, {JKU: [public("ES256")]}) == Checked()


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": 5, "y": None},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "oct", "k": "AA"},
        {},
    ],
)
def test_what_is_no_key_for_the_algorithm_is_none_under_which_a_card_is_genuine(key: dict[str, Any]) -> None:
    assert check_signatures(signed(CARD), {JKU: [{**key, "kid": "k"}]}) == Checked(tried=True)


@pytest.mark.parametrize(
    "change",
    [
        {"n": encoded((1 << 1023 | 1).to_bytes(128, "big"))},
        {"n": encoded((1 << 8200 | 1).to_bytes(1026, "big"))},
        {"e": encoded((1 << 64 | 1).to_bytes(9, "big"))},
    ],
)
def test_an_rsa_key_that_is_weak_or_dear_is_not_used(change: dict[str, str]) -> None:
    assert check_signatures(signed(CARD, "RS256"), {JKU: [{**public("RS256"), **change}]}) == Checked(tried=True)


def test_a_signature_of_another_length_is_wrong() -> None:
    card = signed(CARD)
    card["signatures"][0]["signature"] += "AA"
    assert check_signatures(card, {JKU: [public("ES256")]}) == Checked(tried=True)
    card["signatures"][0]["signature"] = "*"
    assert check_signatures(card, {JKU: [public("ES256")]}) == Checked(tried=True)


def test_what_has_no_canonical_form_cannot_be_checked() -> None:
    with pytest.raises(InvalidParams):
        check_signatures({**signed(CARD), "n": 2**60}, {JKU: [public("ES256")]})


def test_a_key_is_found_by_its_id_and_what_is_no_key_is_passed_over() -> None:
    (one,) = signatures_of(signed(CARD))
    assert key_of([None, "x", {}, public("ES256")], one) == public("ES256")
    assert key_of([], one) is None
