"""What is said of the origin of a foreign agent's card, and which keys are fetched for it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from meshgate.a2a.errors import ParseError, UpstreamUnavailable
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.jwk import thumbprint
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.foreign.card_fetcher import CardFetcher
from meshgate.registry.foreign.card_places import CardAnswer
from meshgate.registry.foreign.card_provenance import is_settled, provenance_of
from meshgate.registry.model import Provenance
from tests.a2a.signatures.test_card_verifier import CARD, JKU, public, signed

pytestmark = pytest.mark.requirement("foreign.verified")

HASH = hashlib.sha256(canonical_json(CARD)).hexdigest()
KEY = thumbprint(public("ES256"))


class Web:
    """Answers with sets of keys, by their URLs."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {JKU: {"keys": [public("ES256")]}}
        self.asked: list[str] = []

    async def fetch(self, url: str) -> CardAnswer:
        self.asked.append(url)
        found = self.answers.get(url, UpstreamUnavailable("nobody is there"))
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, CardAnswer) else CardAnswer(200, json.dumps(found).encode())


async def judge(card: Any, web: Web, before: Provenance | None = None, now: float = 5.0) -> Provenance:
    return await provenance_of(json.dumps(card).encode(), web.fetch, now, before)


async def test_a_card_is_verified_under_the_key_that_its_signature_names() -> None:
    web = Web()
    assert await judge(signed(CARD), web) == Provenance("verified", HASH, 5.0, key=KEY, jku=JKU)
    assert web.asked == [JKU]


@pytest.mark.parametrize("card", [CARD, {**CARD, "signatures": []}, {**CARD, "signatures": None}])
async def test_a_card_without_signatures_is_unsigned_and_nobody_is_asked(card: Any) -> None:
    web = Web()
    found = await judge(card, web)
    assert (found.verdict, web.asked, is_settled(found)) == ("unsigned", [], True)


async def test_a_card_that_was_changed_on_the_way_is_invalid() -> None:
    found = await judge({**signed(CARD), "name": "Atlas"}, Web())
    assert (found.verdict, found.key, is_settled(found)) == ("invalid", "", True)


@pytest.mark.requirement("foreign.key_https")
@pytest.mark.parametrize("jku", ["", "http://keys.example/jwks.json", "file:///etc/passwd", "HTTPS://keys.example/"])
async def test_keys_are_fetched_over_https_alone(jku: str) -> None:
    web = Web()
    web.answers[jku] = web.answers[JKU]
    found = await judge(signed(CARD, jku=jku), web)
    assert (found.verdict, found.hash, web.asked) == ("unverified", HASH, [])
    assert is_settled(found)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (UpstreamUnavailable("nobody is there"), "nobody is there"),
        (CardAnswer(404, b"{}"), "is answered with 200"),
        (CardAnswer(302, b"", "https://elsewhere.example/"), "is answered with 200"),
        (CardAnswer(200, b" " * 65537), "at most 65536 bytes"),
        (CardAnswer(200, b"<html>"), "not valid JSON"),
        ({"key": []}, "has no list 'keys'"),
        ([], "has no list 'keys'"),
    ],
)
async def test_keys_that_cannot_be_had_leave_a_card_unverified_for_now(answer: Any, reason: str) -> None:
    web = Web()
    web.answers[JKU] = answer
    found = await judge(signed(CARD), web)
    assert (found.verdict, is_settled(found)) == ("unverified", False)
    assert reason in found.reason
    assert (await judge(signed(CARD), Web(), found, 9.0)).verdict == "verified"


async def test_a_set_without_the_key_says_nothing() -> None:
    web = Web()
    web.answers[JKU] = {"keys": [public("ES384", kid="other")] * 40 + [public("ES256")]}
    found = await judge(signed(CARD), web)
    assert (found.verdict, found.reason) == ("unverified", "")
    web.answers[JKU] = {"keys": [public("ES384", kid="other")] * 31 + [public("ES256")]}
    assert (await judge(signed(CARD), web)).verdict == "verified"


async def test_two_sets_are_fetched_for_one_card_and_each_once() -> None:
    card: dict[str, Any] = dict(CARD)
    for number in (0, 0, 1, 2):
        card = signed(card, jku=f"https://keys.example/{number}")
    web = Web()
    assert (await judge(card, web)).verdict == "unverified"
    assert web.asked == ["https://keys.example/0", "https://keys.example/1"]


async def test_the_time_is_that_of_the_first_look_that_said_so() -> None:
    web = Web()
    first = await judge(signed(CARD), web, now=5.0)
    assert (await judge(signed(CARD), web, first, 9.0)).at == 5.0
    assert (await judge(signed({**CARD, "version": "2.0.0"}), web, first, 9.0)).at == 9.0


async def test_keys_are_asked_for_where_agents_may_be_and_nowhere_else() -> None:
    async with CardFetcher(AgentNetworks().check) as fetcher:
        card = signed(CARD, jku="https://10.0.0.1/jwks.json")
        found = await provenance_of(json.dumps(card).encode(), fetcher.fetch, 5.0)
    assert found.verdict == "unverified"
    assert "agents may not listen at 10.0.0.1" in found.reason


async def test_a_card_without_a_canonical_form_is_unverified() -> None:
    web = Web()
    found = await judge({**CARD, "n": 2**60, "signatures": signed(CARD)["signatures"]}, web)
    assert (found.verdict, web.asked, is_settled(found)) == ("unverified", [], True)


async def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ParseError):
        await provenance_of(b"<html>", Web().fetch, 5.0)


def test_what_nobody_has_looked_at_is_not_settled() -> None:
    assert not is_settled(None)
