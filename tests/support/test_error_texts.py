"""The rules about texts of errors find what they are for."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import InvalidParams, NoRoute
from meshgate.a2a.selector import parse_selector
from tests.support.error_texts import LONGEST, collected, faults_of

pytestmark = pytest.mark.requirement("errors.words")
WORD = "it says so "


@pytest.mark.parametrize(
    "text",
    [
        "no agent here answers to 'nobody'",
        "'dict' is no name of a skill",
        "the list holds no object of that name",
        "a file cannot be read: /a/very/long/path" + "/x" * LONGEST,
        "a card cannot be read: https://example.org/" + "x" * LONGEST,
        "it may stand on a path once (path " + " → ".join(["agent.skill"] * 40) + ")",
        (WORD * LONGEST)[:LONGEST],
    ],
)
def test_a_plain_sentence_is_fine(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ((WORD * LONGEST)[: LONGEST + 1], "characters"),
        ("the value is a dict, and a list is wanted", "'dict'"),
        ("it failed: KeyError: 'x' is not there", "'KeyError'"),
        ("no answer: NoneType has no such thing", "'NoneType'"),
        ("there is one at <class foo> instead", "<class "),
        ("not found", "no sentence"),
        ("this is one line\nand this another", "several lines"),
    ],
)
def test_what_people_cannot_use_is_found(text: str, fault: str) -> None:
    (found,) = faults_of(text)
    assert fault in found


def test_the_mesh_s_own_errors_are_collected_with_their_places_and_no_others() -> None:
    with collected() as texts:
        with pytest.raises(InvalidParams):
            parse_selector("@@")
        NoRoute("made by a test")
    ((text, place),) = texts.items()
    assert text
    assert place.startswith("meshgate.a2a.selector:")
    with pytest.raises(InvalidParams):
        parse_selector("@@@")
    assert len(texts) == 1
