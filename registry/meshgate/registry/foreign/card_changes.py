"""What changed on a foreign agent's card, and what of it an operator should look at first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshgate.a2a.codec.short_text import first_sentence
from meshgate.a2a.signatures.card_verifier import signatures_of
from meshgate.registry.model import Manifest

__all__ = ["changes_of", "removed_skills", "suspicions"]

_LISTED = 32
"""Most changes that are listed of one card."""
_LONGEST = 200
"""Longest text of a change, in characters."""
_FIELDS = ("name", "version", "description", "provider", "documentationUrl")


def removed_skills(before: Manifest, now: Manifest) -> frozenset[str]:
    """The skills that a card lists no longer."""
    return frozenset(one.skill for one in before.skills) - {one.skill for one in now.skills}


def suspicions(before: Manifest, now: Manifest, called: frozenset[str]) -> tuple[str, ...]:
    """Why a card should not be used before an operator has looked at it; none for most changes.

    Args:
        before: what the accepted card told. now: what the card tells now. Each with what is known of its origin.
        called: the skills that were called a short while ago; "*" for calls of the agent by its name.
    """
    found = list(_of_signature(before, now))
    if before.card.get("name") != now.card.get("name"):
        found.append("the name changed")
    gone = removed_skills(before, now)
    found += [f"the skill {skill[:64]!r} is gone, and was called" for skill in sorted(gone & called)]
    if gone and "*" in called and not gone & called:
        found.append("skills are gone, and the agent was called by its name")
    return tuple(first_sentence(text, _LONGEST) for text in found[:_LISTED])


def _of_signature(before: Manifest, now: Manifest) -> Iterable[str]:
    old, new = before.provenance, now.provenance
    verified = old is not None and old.verdict == "verified"
    if signatures_of(before.card) and not signatures_of(now.card):
        yield "the signature is gone"
    elif old is not None and new is not None and new.verdict == "invalid" != old.verdict:
        yield "no signature is genuine any more"
    elif verified and new is not None and new.verdict != "verified":
        yield "the signature cannot be checked any more"
    elif verified and old is not None and new is not None and old.key != new.key:
        yield "it is signed with another key"
    elif not verified and _key_ids(before) and not _key_ids(before) & _key_ids(now):
        yield "its signature names another key"


def _key_ids(manifest: Manifest) -> set[str]:
    return {one.key_id for one in signatures_of(manifest.card)}


def changes_of(before: Manifest, now: Manifest) -> tuple[str, ...]:
    """What changed, a text for each place: the first 32."""
    found: list[str] = []
    for key in _FIELDS:
        old, new = before.card.get(key), now.card.get(key)
        if old != new:
            found.append(f"{key}: {_said(old)} -> {_said(new)}")
    found += _sets("skill", _named(before, "skills", "id"), _named(now, "skills", "id"))
    found += _sets("address", _addresses(before), _addresses(now))
    old_origin, new_origin = before.provenance, now.provenance
    if old_origin is not None and new_origin is not None:
        for key in ("verdict", "key", "jku"):
            old, new = getattr(old_origin, key), getattr(new_origin, key)
            if old != new:
                found.append(f"signature, {key}: {_said(old)} -> {_said(new)}")
    return tuple(_short(text) for text in (found or ["other fields"])[:_LISTED])


def _sets(what: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    gone = [f"{what} {_said(name)}: gone" for name in before if name not in now]
    new = [f"{what} {_said(name)}: new" for name in now if name not in before]
    other = [f"{what} {_said(name)}: changed" for name in now if name in before and before[name] != now[name]]
    return gone + new + other


def _named(manifest: Manifest, key: str, name: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = manifest.card.get(key) or []
    return {str(one.get(name)): one for one in listed}


def _addresses(manifest: Manifest) -> dict[str, Any]:
    listed: list[dict[str, Any]] = manifest.card.get("supportedInterfaces") or []
    faces = [(one.get("protocolBinding"), one.get("protocolVersion"), one.get("url")) for one in listed]
    return {" ".join(str(part) for part in face if part): face for face in faces}


def _said(value: Any) -> str:
    return "none" if value in (None, "") else repr(value)[:80]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
