"""What changed on a card, and what of it is suspicious."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from meshgate.registry.foreign.card_changes import changes_of, removed_skills, suspicions
from meshgate.registry.foreign.foreign_agent import read_foreign
from meshgate.registry.model import Manifest, Provenance
from tests.a2a.signatures.test_card_verifier import CARD, signed

NOBODY: frozenset[str] = frozenset()


def told(card: dict[str, Any], verdict: str = "unsigned", key: str = "") -> Manifest:
    """What a card tells, and what is known of its origin."""
    manifest = read_foreign(json.dumps(card).encode(), "maps").manifest
    return msgspec.structs.replace(manifest, provenance=Provenance(verdict, "h", 5.0, key=key))


def skills(*names: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = [{"id": name, "name": name, "description": name, "tags": []} for name in names]
    return {**CARD, "skills": listed}


@pytest.mark.requirement("trust.held")
def test_what_a_release_usually_changes_is_not_suspicious() -> None:
    url = [{**CARD["supportedInterfaces"][0], "url": "https://maps.example/new"}]
    more = {**skills("find", "draw"), "version": "2.0.0", "description": "new", "supportedInterfaces": url}
    assert suspicions(told(CARD), told(more), frozenset({"find", "*"})) == ()


@pytest.mark.requirement("trust.name")
def test_another_name_is() -> None:
    assert suspicions(told(CARD), told({**CARD, "name": "Atlas"}), NOBODY) == ("the name changed",)


@pytest.mark.requirement("trust.skills")
@pytest.mark.parametrize(
    ("called", "reasons"),
    [
        (NOBODY, ()),
        ({"draw"}, ()),
        ({"find"}, ("the skill 'find' is gone, and was called",)),
        ({"*"}, ("skills are gone, and the agent was called by its name",)),
        ({"*", "find"}, ("the skill 'find' is gone, and was called",)),
    ],
)
def test_a_skill_that_is_gone_is_if_it_was_called(called: frozenset[str], reasons: tuple[str, ...]) -> None:
    before, now = told(skills("find", "draw")), told(skills("draw"))
    assert removed_skills(before, now) == {"find"}
    assert suspicions(before, now, frozenset(called)) == reasons
    assert suspicions(now, before, frozenset(called)) == ()


SIGNED = signed(CARD)
OTHER = signed(CARD, kid="other")


@pytest.mark.requirement("trust.signature")
@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (told(SIGNED, "verified", "k1"), told(SIGNED, "verified", "k1"), ""),
        (told(SIGNED, "verified", "k1"), told(SIGNED, "verified", "k2"), "it is signed with another key"),
        (told(SIGNED, "verified", "k1"), told(CARD), "the signature is gone"),
        (told(SIGNED, "unverified"), told(CARD), "the signature is gone"),
        (told(SIGNED, "verified", "k1"), told(SIGNED, "unverified"), "the signature cannot be checked any more"),
        (told(SIGNED, "verified", "k1"), told(SIGNED, "invalid"), "no signature is genuine any more"),
        (told(CARD), told(SIGNED, "invalid"), "no signature is genuine any more"),
        (told(SIGNED, "invalid"), told(SIGNED, "invalid"), ""),
        (told(SIGNED, "unverified"), told(OTHER, "unverified"), "its signature names another key"),
        (told(SIGNED, "unverified"), told(OTHER, "verified", "k2"), "its signature names another key"),
        (told(SIGNED, "unverified"), told(SIGNED, "verified", "k1"), ""),
        (told(CARD), told(SIGNED, "verified", "k1"), ""),
        (told(CARD), told(CARD), ""),
    ],
)
def test_a_signature_may_come_and_may_not_go_or_change_its_key(before: Manifest, now: Manifest, reason: str) -> None:
    assert suspicions(before, now, NOBODY) == ((reason,) if reason else ())


@pytest.mark.requirement("trust.signature")
def test_a_card_that_no_gateway_had_read_is_compared_by_what_is_on_it() -> None:
    unread = msgspec.structs.replace(told(SIGNED), provenance=None)
    assert suspicions(unread, told(SIGNED, "invalid"), NOBODY) == ()
    assert suspicions(unread, told(CARD), NOBODY) == ("the signature is gone",)
    assert suspicions(unread, told(OTHER, "verified", "k2"), NOBODY) == ("its signature names another key",)


@pytest.mark.requirement("trust.shown")
def test_each_change_is_told() -> None:
    new = {
        **skills("draw", "find"),
        "name": "Atlas",
        "version": "2.0.0",
        "supportedInterfaces": [{**CARD["supportedInterfaces"][0], "url": "https://atlas.example/"}],
    }
    assert changes_of(told(skills("find", "route"), "verified", "k1"), told(new, "unsigned")) == (
        "name: 'Maps' -> 'Atlas'",
        "version: '1.0.0' -> '2.0.0'",
        "skill 'route': gone",
        "skill 'draw': new",
        "address 'JSONRPC 1.0 https://maps.example/rpc': gone",
        "address 'JSONRPC 1.0 https://atlas.example/': new",
        "signature, verdict: 'verified' -> 'unsigned'",
        "signature, key: 'k1' -> none",
    )
    changed = skills("find")
    changed["skills"][0]["description"] = "otherwise"
    assert changes_of(told(skills("find")), told(changed)) == ("skill 'find': changed",)
    assert changes_of(told(CARD), told({**CARD, "iconUrl": "https://x/"})) == ("other fields",)


@pytest.mark.requirement("trust.shown")
def test_what_is_told_is_bounded() -> None:
    many = changes_of(told(skills("find")), told(skills(*(f"s{number}" for number in range(99)))))
    assert len(many) == 32
    long = changes_of(told(CARD), told({**CARD, "name": "n" * 9000, "description": "d" * 9000}))
    assert max(map(len, long)) <= 200
    gone = suspicions(told(skills(*(f"s{number}" * 99 for number in range(40)))), told(CARD), frozenset({"*"}))
    assert max(map(len, gone)) <= 200
