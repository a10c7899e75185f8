"""Where an agent's card is looked for, and what is said if it is nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshgate.a2a.errors import InvalidParams, PermissionDenied, UpstreamUnavailable
from meshgate.registry.foreign.card_places import CardAnswer, card_places, find_card

pytestmark = pytest.mark.requirement("cards.found")

WELL_KNOWN = "/.well-known/agent-card.json"
CARD = json.dumps({"name": "a", "supportedInterfaces": []}).encode()
OLDER = "/.well-known/agent.json"
OLD = json.dumps({"name": "a", "url": "http://h/", "protocolVersion": "0.3.0"}).encode()
NOT_FOUND = CardAnswer(404, b"not found")


def places(*bases: str) -> list[str]:
    """The places below some URLs."""
    return [base + path for path in (WELL_KNOWN, OLDER) for base in bases]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://h:1", ["http://h:1", "http://h:1" + WELL_KNOWN, "http://h:1" + OLDER]),
        ("http://h:1/", ["http://h:1/", "http://h:1" + WELL_KNOWN, "http://h:1" + OLDER]),
        ("http://h:1/a/b/", ["http://h:1/a/b/", *places("http://h:1/a/b", "http://h:1")]),
        ("https://h/card.json", ["https://h/card.json", *places("https://h/card.json", "https://h")]),
        ("http://h/a?id=3", ["http://h/a?id=3", *places("http://h/a", "http://h")]),
        ("http://h/a" + WELL_KNOWN, ["http://h/a" + WELL_KNOWN, *places("http://h")]),
        ("http://h/a" + OLDER, ["http://h/a" + OLDER, *places("http://h")]),
        ("http://h" + WELL_KNOWN, places("http://h")),
        ("http://h" + OLDER, ["http://h" + OLDER, "http://h" + WELL_KNOWN]),
    ],
)
def test_a_card_is_looked_for_as_given_then_below_then_at_the_origin_then_where_older_agents_have_it(
    given: str, expected: list[str]
) -> None:
    assert list(card_places(given)) == expected


@pytest.mark.parametrize("text", ["h:1", "ftp://h/", "http://", "http://[", "", "grpc://h:1"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        card_places(text)


async def look(url: str, /, **answers: CardAnswer) -> Any:
    """Look at a host whose places answer so: the URL as ``given``, ``below`` it, at its ``origin``."""
    tried = card_places(url)
    named = ["given", "below", "origin", "older_below", "older_origin"]
    asked: list[str] = []

    async def fetch(url: str) -> CardAnswer:
        asked.append(url)
        return answers.get(named[tried.index(url)], NOT_FOUND)

    try:
        return (await find_card(url, fetch)).url, len(asked)
    except (PermissionDenied, UpstreamUnavailable) as error:
        return type(error), error.message


URL = "http://h/agents/a"
OLDER_PLACES = [("older_below", (URL + OLDER, 4)), ("older_origin", ("http://h" + OLDER, 5))]
BELOW, ORIGIN = URL + WELL_KNOWN, "http://h" + WELL_KNOWN


@pytest.mark.parametrize("card", [CARD, OLD, b'{"name":"a","skills":null}'])
@pytest.mark.parametrize(
    ("place", "found"), [("given", (URL, 1)), ("below", (BELOW, 2)), ("origin", (ORIGIN, 3)), *OLDER_PLACES]
)
async def test_the_first_place_that_shows_a_card_is_it(place: str, found: tuple[str, int], card: bytes) -> None:
    assert await look(URL, **{place: CardAnswer(200, card)}) == found


@pytest.mark.parametrize("page", [b"<html>", b"{}", b'{"name":"a"}', b"[]", b"null", b"", b'{"detail":"method"}'])
async def test_a_page_that_is_no_card_is_passed_by(page: bytes) -> None:
    assert await look(URL, given=CardAnswer(200, page), below=CardAnswer(200, CARD)) == (BELOW, 2)


async def test_what_each_place_said_is_told() -> None:
    redirect = CardAnswer(308, b"", "https://h/agents/a/")
    said = (
        f"no agent card: {URL} shows something else; {BELOW} leads to https://h/agents/a/, and redirects are not "
        f"followed: give that URL; {ORIGIN} answers with HTTP 404, as does {URL}{OLDER}, as does http://h{OLDER}"
    )
    assert await look(URL, given=CardAnswer(200, b"<html>"), below=redirect) == (UpstreamUnavailable, said)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_card_that_needs_a_credential_is_told_apart_unless_another_is_shown(status: int) -> None:
    closed = CardAnswer(status, b"")
    assert await look(URL, below=closed) == (
        PermissionDenied,
        f"{BELOW} is shown with a credential only: give one (--bearer-file, --header, --api-key)",
    )
    assert await look(URL, given=closed, below=CardAnswer(200, CARD)) == (BELOW, 2)


async def test_where_nobody_answers_no_other_place_is_asked() -> None:
    asked: list[str] = []

    async def fetch(url: str) -> CardAnswer:
        asked.append(url)
        raise UpstreamUnavailable(f"{url} cannot be reached")

    with pytest.raises(UpstreamUnavailable):
        await find_card(URL, fetch)
    assert asked == [URL]
