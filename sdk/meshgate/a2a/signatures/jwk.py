"""Public keys as JSON (RFC 7517), and the names that they have by their content (RFC 7638)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

__all__ = ["decoded", "encoded", "jwk_of", "thumbprint"]

_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
"""The members that make a key, by its type (RFC 7638, section 3.2; RFC 8037, section 2)."""
_COORDINATE = 32
"""Bytes of a coordinate on P-256."""


def encoded(data: bytes) -> str:
    """Bytes in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes:
    """The bytes that ``encoded`` wrote.

    Raises:
        InvalidParams: it is no base64url.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParams("a signature or key is no base64url: encode it as RFC 7515 says") from None


def jwk_of(key: EllipticCurvePublicKey) -> dict[str, str]:
    """A public key on P-256, with its thumbprint as its id."""
    numbers = key.public_numbers()
    x, y = (encoded(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    return {**jwk, "kid": thumbprint(jwk), "use": "sig", "alg": "ES256"}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The name of a key: the hash of what makes it.

    Raises:
        InvalidParams: the key is of no known type, or lacks a member.
    """
    members = _MEMBERS.get(str(jwk.get("kty")))
    if members is None or not all(isinstance(jwk.get(name), str) for name in members):
        raise InvalidParams("a key is no EC, RSA or OKP key with all its members: publish it as RFC 7518 says")
    return encoded(hashlib.sha256(canonical_json({name: jwk[name] for name in members})).digest())
