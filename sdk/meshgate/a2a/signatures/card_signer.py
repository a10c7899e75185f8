"""Signs cards with ES256: JSON Web Signatures whose payload, the card, is not repeated (RFC 7515, appendix F)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from meshgate.a2a.signatures.card_forms import card_forms
from meshgate.a2a.signatures.jwk import encoded, jwk_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["CardSigner"]

_HALF = 32
"""Bytes of each of the two numbers of a signature on P-256 (RFC 7518, section 3.4)."""


class CardSigner:
    """Signs cards with one key.

    The same card has the same signature each time and at every gateway (RFC 6979), so a card's validator stays.

    Args:
        key: the private key, on P-256.
        jku: the URL of the key set that has its public key; "" to name none.
    """

    def __init__(self, key: EllipticCurvePrivateKey, jku: str = "") -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        self.jwk = jwk_of(key.public_key())
        """The public key."""
        self._key = key
        self._how = ec.ECDSA(SHA256(), deterministic_signing=True)
        header = {"alg": "ES256", "kid": self.jwk["kid"], "typ": "JOSE", **({"jku": jku} if jku else {})}
        self._protected = encoded(msgspec.json.encode(header))

    def signatures(self, card: dict[str, Any]) -> list[dict[str, str]]:
        """The value of ``signatures`` of a card: one for each of its forms, that of readers of protobuf first.

        Raises:
            InvalidParams: the card has no canonical form.
        """
        return [{"protected": self._protected, "signature": self._sign(form)} for form in card_forms(card)]

    def _sign(self, payload: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        r, s = decode_dss_signature(self._key.sign(f"{self._protected}.{encoded(payload)}".encode(), self._how))
        return encoded(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big"))
