"""Checks the signatures of a card under keys that are given (sections 8.4.2 and 8.4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from meshgate.a2a.codec.strict_json import decode_json, is_array, is_object
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.signatures.card_forms import card_forms
from meshgate.a2a.signatures.jwk import decoded, encoded, thumbprint
from meshgate.a2a.signatures.public_key import ALGORITHMS, verifies

__all__ = ["CardSignature", "Checked", "check_signatures", "key_of", "signatures_of"]

_MOST = 8
"""Signatures of a card that are looked at, the first ones."""
_LONGEST = 4096
"""Longest part of a signature that is read, in characters."""


class CardSignature(NamedTuple):
    """A signature of a card, and what its protected header says.

    Attributes:
        jku: where its keys are; "" if it does not say.
    """

    protected: str
    signature: str
    algorithm: str
    key_id: str
    jku: str


class Checked(NamedTuple):
    """What came of checking.

    Attributes:
        key: the thumbprint of the key that a signature is genuine under; "" if none is.
        jku: where that key came from.
        tried: whether a key was known for any signature.
    """

    key: str = ""
    jku: str = ""
    tried: bool = False


def signatures_of(card: Mapping[str, Any]) -> list[CardSignature]:
    """The signatures that can be checked here: of a known algorithm, by a named key, with no critical header."""
    listed = card.get("signatures")
    read = (_read(one) for one in (listed[:_MOST] if is_array(listed) else ()))
    return [one for one in read if one is not None]


def _read(one: Any) -> CardSignature | None:
    protected, signature = _text(one, "protected"), _text(one, "signature")
    if not protected or not signature:
        return None
    try:
        header = decode_json(decoded(protected))
    except MeshError:
        return None
    if not is_object(header) or "crit" in header or header.get("b64", True) is not True:
        return None  # RFC 7515, section 4.1.11: who does not know a critical header must not accept
    algorithm, key_id, jku = (_text(header, name) for name in ("alg", "kid", "jku"))
    return CardSignature(protected, signature, algorithm, key_id, jku) if algorithm in ALGORITHMS and key_id else None


def _text(tree: Any, name: str) -> str:
    """The text under a key; "" if there is none, or one that is too long to be read."""
    value = tree.get(name) if is_object(tree) else None
    return value if isinstance(value, str) and len(value) <= _LONGEST else ""


def key_of(keys: Iterable[Any], signature: CardSignature) -> Mapping[str, Any] | None:
    """The key of a set that a signature names, if it may be used for it."""
    for key in keys:
        if is_object(key) and key.get("kid") == signature.key_id:
            fits = key.get("alg") in (None, signature.algorithm) and key.get("use") in (None, "sig")
            return key if fits else None
    return None


def check_signatures(card: dict[str, Any], keys: Mapping[str, Iterable[Any]], preferred: str = "") -> Checked:
    """Check a card until a signature is genuine.

    Args:
        card: the card as it was served.
        keys: the sets of keys, by the URL that each came from.
        preferred: the thumbprint of the key that it was signed with before: as long as one signature is genuine under
            that key, others, by a newer one, do not count.

    Raises:
        InvalidParams: the card has no canonical form, so that nothing can be signed.
    """
    forms = [encoded(form) for form in card_forms(card)]
    found = Checked()
    for one in signatures_of(card):
        key = key_of(keys.get(one.jku, ()), one)
        if key is None:
            continue
        if any(_is_genuine(key, one, form) for form in forms):
            genuine = Checked(thumbprint(key), one.jku, tried=True)
            if genuine.key == preferred or not preferred:
                return genuine
            found = found if found.key else genuine
        elif not found.tried:
            found = Checked(tried=True)
    return found


def _is_genuine(key: Mapping[str, Any], one: CardSignature, form: str) -> bool:
    try:
        return verifies(key, one.algorithm, f"{one.protected}.{form}".encode(), decoded(one.signature))
    except InvalidParams:
        return False
