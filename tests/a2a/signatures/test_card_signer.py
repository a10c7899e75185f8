"""What a card is signed with, checked by PyJWT and a2a-sdk."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import create_signature_verifier
from cryptography.hazmat.primitives.asymmetric import ec

from meshgate.a2a.cards import interface, rewrite
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.card_signer import CardSigner
from meshgate.a2a.signatures.jwk import decoded, encoded, thumbprint

pytestmark = pytest.mark.requirement("cards.signed")

KEY = ec.derive_private_key(7, ec.SECP256R1())
CARD = rewrite({"name": "a", "version": "1.0.0", "skills": [{"id": "say"}]}, [interface("http://g/a", "JSONRPC")])


def header_of(signature: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decoded(signature["protected"]))
    return found


def test_a2a_sdk_takes_a_signed_card_and_no_other() -> None:
    signer = CardSigner(KEY)
    card = {**CARD, "signatures": signer.signatures(CARD)}

    def provider(kid: str | None, jku: str | None) -> jwt.PyJWK:
        assert (kid, jku) == (signer.jwk["kid"], None)
        return jwt.PyJWK.from_dict(signer.jwk)

    verify = create_signature_verifier(provider, ["ES256"])
    verify(parse_agent_card(json.loads(json.dumps(card))))
    with pytest.raises(Exception, match="No valid signature"):
        verify(parse_agent_card(json.loads(json.dumps({**card, "name": "b"}))))


def test_who_reads_json_takes_the_last_signature() -> None:
    signer = CardSigner(KEY)
    last = signer.signatures(CARD)[-1]
    token = f"{last['protected']}.{encoded(canonical_json(CARD))}.{last['signature']}"
    assert jwt.decode(token, jwt.PyJWK.from_dict(signer.jwk), ["ES256"])["name"] == "a"


def test_a_signature_is_the_same_each_time() -> None:
    assert CardSigner(KEY).signatures(CARD) == CardSigner(KEY).signatures(dict(reversed(CARD.items())))


@pytest.mark.parametrize("jku", ["", "https://mesh.example/.well-known/jwks.json"])
def test_the_header_names_the_key_and_where_it_is(jku: str) -> None:
    signer = CardSigner(KEY, jku)
    expected = {"alg": "ES256", "typ": "JOSE", "kid": signer.jwk["kid"], **({"jku": jku} if jku else {})}
    assert [header_of(one) for one in signer.signatures(CARD)] == [expected] * 2


def test_a_thumbprint_is_that_of_the_rfc() -> None:
    # RFC 7638, section 3.1, and RFC 8037, appendix A.3
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM"
        "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
        "KnqDKgw"
    )
    rsa = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(rsa) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(okp) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("jwk", [{}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256", "x": "AA"}])
def test_what_is_no_public_key_has_no_thumbprint(jwk: dict[str, str]) -> None:
    with pytest.raises(InvalidParams):
        thumbprint(jwk)


@pytest.mark.parametrize("text", ["a", "a*==", "\u00e4"])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        decoded(text)


def test_base64url_has_no_padding() -> None:
    assert encoded(b"\xff\xfe") == "__4"
    assert decoded("__4") == b"\xff\xfe" == base64.urlsafe_b64decode("__4=")
