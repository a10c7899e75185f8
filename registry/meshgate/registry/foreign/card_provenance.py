"""Where a foreign agent's card comes from, as its signatures prove it (specification 1.0.1, section 8.4.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from meshgate.a2a.codec.strict_json import decode_json, is_array, is_object
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.card_verifier import Checked, check_signatures, signatures_of
from meshgate.registry.extras import SIGNATURES, has
from meshgate.registry.foreign.card_places import CardAnswer
from meshgate.registry.model import Provenance

__all__ = ["is_settled", "provenance_of"]

log = structlog.get_logger(__name__)
_SCHEME = "https://"
"""Keys that came over plain HTTP prove nothing."""
_MOST_SETS = 2
"""Sets of keys that are fetched for one card."""
_LARGEST = 64 * 1024
"""Largest set of keys, in bytes."""
_MOST_KEYS = 32
"""Keys of a set that are looked at."""

Fetch = Callable[[str], Awaitable[CardAnswer]]


def is_settled(provenance: Provenance | None) -> bool:
    """Whether the same card would get the same verdict again: nothing that could not be had is missing."""
    return provenance is not None and (provenance.verdict != "unverified" or not provenance.reason)


async def provenance_of(body: bytes, fetch: Fetch, now: float, before: Provenance | None = None) -> Provenance:
    """What can be said of a card's origin. A signature that cannot be checked is no error.

    Args:
        body: the card as it was served.
        fetch: asks the URL of a set of keys; raises what it may not ask.
        now: seconds since the epoch.
        before: what was said last: as long as nothing else can be said its time stays.

    Raises:
        MeshError: the body is no JSON.
    """
    card = decode_json(body)
    found = await _judged(card if is_object(card) else {}, fetch, now, body, before.key if before is not None else "")
    if before is not None and msgspec.structs.replace(found, at=before.at) == before:
        return before
    return found


async def _judged(card: dict[str, Any], fetch: Fetch, now: float, body: bytes, preferred: str) -> Provenance:
    try:
        digest = hashlib.sha256(canonical_json({name: card[name] for name in card if name != "signatures"})).hexdigest()
    except InvalidParams:
        return Provenance("unverified", hashlib.sha256(body).hexdigest(), now)
    if not card.get("signatures"):
        return Provenance("unsigned", digest, now)
    if not has(SIGNATURES):
        return Provenance("unverified", digest, now)
    keys, reason = await _keys(card, fetch)
    checked = check_signatures(card, keys, preferred)
    if checked.key:
        return Provenance("verified", digest, now, key=checked.key, jku=checked.jku)
    return _without_proof(checked, digest, now, reason)


def _without_proof(checked: Checked, digest: str, now: float, reason: str) -> Provenance:
    if checked.tried:
        return Provenance("invalid", digest, now)
    return Provenance("unverified", digest, now, reason=reason)


async def _keys(card: dict[str, Any], fetch: Fetch) -> tuple[dict[str, list[Any]], str]:
    """The sets of keys that the signatures name, by their URLs, and why one could not be had."""
    named = dict.fromkeys(one.jku for one in signatures_of(card) if one.jku.startswith(_SCHEME))
    found: dict[str, list[Any]] = {}
    reason = ""
    for jku in list(named)[:_MOST_SETS]:
        try:
            found[jku] = _read(await fetch(jku))
        except MeshError as error:
            reason = error.message
            log.info("card_keys_not_had", jku=jku, reason=reason)
    return found, reason


def _read(answer: CardAnswer) -> list[Any]:
    """The keys of a set (RFC 7517, section 5)."""
    if answer.status != 200 or len(answer.body) > _LARGEST:
        raise InvalidParams(f"a set of keys is answered with 200 and at most {_LARGEST} bytes: publish it so")
    tree = decode_json(answer.body)
    keys = tree.get("keys") if is_object(tree) else None
    if not is_array(keys):
        raise InvalidParams("what is at the place of a set of keys has no list 'keys': publish it as RFC 7517 says")
    return keys[:_MOST_KEYS]
