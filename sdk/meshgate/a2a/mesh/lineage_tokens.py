"""Makes and verifies lineage tokens, by which a gateway recognises whose child a call is.

A token is text, ``1.KEY.BODY.MAC``: a version, the id of the key, the fields as base64url JSON, and a keyed BLAKE2b MAC
(RFC 7693) of the text before it. It travels in the header ``meshgate-lineage``, never in a body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from meshgate.a2a.mesh.lineage import Lineage

__all__ = ["mint", "verify"]


MAX_TOKEN = 8192
"""Longest token, in characters; the depth limit keeps real ones far below."""


def _mac(key: bytes, text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16, key=key, person=b"lineage-v1").digest()


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def mint(lineage: Lineage, key: bytes, key_id: str) -> str:
    """The token of ``lineage``. ``key`` has 32 to 64 bytes."""
    signed = b"1." + key_id.encode("ascii") + b"." + _b64(msgspec.json.encode(lineage))
    return (signed + b"." + _b64(_mac(key, signed))).decode("ascii")


def verify(token: str, keys: dict[str, bytes], audience: str) -> Lineage | None:
    """The lineage in a token, or None if the token is not ours, was altered, or was given to another agent."""
    if len(token) > MAX_TOKEN:
        return None
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "1":
        return None
    key = keys.get(parts[1])
    if key is None:
        return None
    try:
        signed = token.rpartition(".")[0].encode("ascii")
        if not hmac.compare_digest(_b64(_mac(key, signed)), parts[3].encode("ascii")):
            return None
        lineage = msgspec.json.decode(base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)), type=Lineage)
    except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError):
        return None
    return lineage if hmac.compare_digest(lineage.audience.encode(), audience.encode()) else None
