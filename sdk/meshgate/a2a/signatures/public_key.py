"""Public keys of others (RFC 7518, sections 3 and 6; RFC 8037), and whether a signature is genuine under one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.jwk import decoded

__all__ = ["ALGORITHMS", "verifies"]

_SIZES = {"ES256": 32, "ES384": 48}
"""Bytes of each of the two numbers of a signature."""
_LEAST_BITS, _MOST_BITS = 2048, 8192
"""Sizes of RSA keys that are taken: smaller ones are weak, and larger ones cost too much to check."""
_MOST_EXPONENT_BITS = 33


def verifies(jwk: Mapping[str, Any], algorithm: str, data: bytes, signature: bytes) -> bool:
    """Whether a signature over ``data`` is genuine under a public key.

    Args:
        algorithm: one of ``ALGORITHMS``.

    Raises:
        InvalidParams: it is no key for this algorithm.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        ALGORITHMS[algorithm](jwk, algorithm, data, signature)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidParams(f"a key is none for {algorithm}: publish it as RFC 7518 says") from None
    return True


def _member(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise InvalidParams(f"a key has no member {name!r}: publish it as RFC 7518 says")
    return decoded(value)


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_member(jwk, name), "big")


def _check_type(jwk: Mapping[str, Any], kind: str, curve: str | None = None) -> None:
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        raise InvalidParams(f"a key is not of the type {kind} {curve or ''}: publish it as RFC 7518 says")


def _ecdsa(jwk: Mapping[str, Any], algorithm: str, data: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    small = algorithm == "ES256"
    _check_type(jwk, "EC", "P-256" if small else "P-384")
    curve = ec.SECP256R1() if small else ec.SECP384R1()
    key = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), curve).public_key()
    size = _SIZES[algorithm]
    if len(signature) != 2 * size:
        raise InvalidSignature
    pair = encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
    key.verify(pair, data, ec.ECDSA(hashes.SHA256() if small else hashes.SHA384()))


def _rsa(jwk: Mapping[str, Any], algorithm: str, data: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    _check_type(jwk, "RSA")
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not _LEAST_BITS <= modulus.bit_length() <= _MOST_BITS or exponent.bit_length() > _MOST_EXPONENT_BITS:
        raise InvalidParams(f"an RSA key has {_LEAST_BITS} to {_MOST_BITS} bits and a small exponent: use such a key")
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if algorithm == "RS256":
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        key.verify(signature, data, pss, hashes.SHA256())


def _eddsa(jwk: Mapping[str, Any], _: str, data: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    _check_type(jwk, "OKP", "Ed25519")
    ed25519.Ed25519PublicKey.from_public_bytes(_member(jwk, "x")).verify(signature, data)


ALGORITHMS: Mapping[str, Callable[[Mapping[str, Any], str, bytes, bytes], None]] = {
    "ES256": _ecdsa,
    "ES384": _ecdsa,
    "RS256": _rsa,
    "PS256": _rsa,
    "EdDSA": _eddsa,
    "Ed25519": _eddsa,
}
"""The algorithms that are accepted: none without a signature, and none whose key both sides share."""
