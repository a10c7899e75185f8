"""Whose child a call is: the token that the gateway mints and every hop carries.

A token is text, ``1.KEY.BODY.MAC``: a version, the id of the key, the fields as base64url JSON, and a keyed BLAKE2b MAC
(RFC 7693) of what stands before it. It travels in the header ``meshgate-lineage``, never in a body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

__all__ = ["LINEAGE_HEADER", "Lineage", "Step", "mint", "spell", "verify", "visit"]

LINEAGE_HEADER = "meshgate-lineage"
MAX_TOKEN = 8192
"""Longest token, in characters; the depth limit keeps real ones far below."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One visit on the path of calls: a skill of an agent."""

    agent: str
    skill: str


class Lineage(msgspec.Struct, frozen=True, array_like=True):
    """The place of a call in its job."""

    job: str
    """``HOME.RANDOM``: the gateway that keeps the job's account, and a random part."""
    parent: str
    """The id of the call that this one was made in; "" for a job's first call."""
    path: tuple[Step, ...] = ()
    """The visits that led here, first one first; the last is the agent that now calls."""
    remaining: float = 0.0
    """Seconds the parent had left when the token was minted."""
    audience: str = ""
    """The agent that the token was given to: nobody else may show it."""
    inferred: bool = False
    """Whether the place was worked out from calls in flight because no token came."""
    links: tuple[str, ...] = ()
    """Other calls that may have been the parent."""
    budget: str = ""
    """Which account is charged, if not the job's own."""


def visit(path: tuple[Step, ...], agent: str, skill: str) -> tuple[Step, ...]:
    """The path of a call: the visits that led to it, and its own."""
    return (*path, Step(agent, skill))


def spell(path: tuple[Step, ...]) -> str:
    """A path as errors show it: ``a.ask → b.tell``."""
    return " → ".join(f"{step.agent}.{step.skill}" for step in path)


def _mac(key: bytes, text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16, key=key, person=b"lineage-v1").digest()


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def mint(lineage: Lineage, key: bytes, key_id: str) -> str:
    """The token of ``lineage``. ``key`` has 32 to 64 bytes."""
    signed = b"1." + key_id.encode("ascii") + b"." + _b64(msgspec.json.encode(lineage))
    return (signed + b"." + _b64(_mac(key, signed))).decode("ascii")


def verify(token: str, keys: dict[str, bytes], audience: str) -> Lineage | None:
    """What the token says, or None if it is not ours, was altered, or was given to another agent."""
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
