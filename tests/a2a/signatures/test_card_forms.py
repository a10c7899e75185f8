"""The forms of a card that are signed, against what a2a-sdk sees of the same bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import _canonicalize_agent_card  # pyright: ignore[reportPrivateUsage]
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.cards import interface, rewrite, strict
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.card_forms import card_forms
from meshgate.a2a.v0_3.cards import downgrade_card, merge_card

pytestmark = pytest.mark.requirement("cards.canonical")

NEW, OLD = interface("http://g/agents/a", "JSONRPC"), interface("http://g/agents/a", "JSONRPC", "0.3")
canonicalize: Callable[[Any], str] = _canonicalize_agent_card
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_PARAMS: st.SearchStrategy[Any] = st.dictionaries(
    _TEXT,
    st.recursive(
        st.none() | st.booleans() | _TEXT | st.integers(-1000, 1000) | st.floats(-1e6, 1e6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
_EXTENSION: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"uri": _TEXT}, optional={"description": _TEXT, "required": st.booleans(), "params": _PARAMS}
)
_SKILL: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"id": st.text("abc", min_size=1, max_size=3)},
    optional={
        "name": _TEXT,
        "description": _TEXT,
        "tags": st.lists(_TEXT, max_size=2),
        "examples": st.lists(_TEXT, max_size=2),
    },
)
_CARD: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"name": _TEXT, "version": _TEXT},
    optional={
        "description": _TEXT,
        "documentationUrl": _TEXT,
        "provider": st.fixed_dictionaries({}, optional={"url": _TEXT, "organization": _TEXT}),
        "capabilities": st.fixed_dictionaries(
            {}, optional={"streaming": st.booleans(), "extensions": st.lists(_EXTENSION, max_size=2)}
        ),
        "skills": st.lists(_SKILL, max_size=2),
    },
)


@given(_CARD, st.booleans(), st.sampled_from(["merged", "strict", "of 0.3 only in its addresses"]))
def test_readers_of_protobuf_see_the_first_form_of_what_is_served(card: Any, secured: bool, shape: str) -> None:
    made = rewrite(card, [NEW, OLD], secured=secured)
    served = merge_card(made) if shape == "merged" else strict(made) if shape == "strict" else made
    forms = card_forms({**served, "signatures": [{"protected": "e30", "signature": "e30"}]})
    assert forms[0] == canonicalize(parse_agent_card(copy.deepcopy(served))).encode()
    assert forms[-1] == canonical_json(served)


def test_one_form_is_enough_for_a_card_in_which_nothing_is_empty() -> None:
    skill = {"id": "say", "name": "Say", "description": "says it", "tags": ["talk"]}
    card = rewrite({"name": "a", "version": "1.0.0", "skills": [skill]}, [NEW], secured=False)
    card["capabilities"].pop("extensions")
    assert len(card_forms(card)) == 1


def test_a_card_of_0_3_is_signed_as_it_is() -> None:
    card = downgrade_card(rewrite({"name": "a", "version": "1.0.0"}, [NEW, OLD]))
    assert card_forms(card) == (canonical_json(card),)


def test_a_card_without_a_canonical_form_is_refused() -> None:
    extension = {"uri": "urn:x", "params": {"n": 2**60}}
    card = {"name": "a", "version": "1.0.0", "capabilities": {"extensions": [extension]}}
    with pytest.raises(InvalidParams):
        card_forms(rewrite(card, [NEW]))


@pytest.mark.requirement("cards.signed")
def test_what_a2a_requires_of_a_card_is_not_empty() -> None:
    card = {"name": "a", "version": "1.0.0", "description": "", "defaultInputModes": [], "skills": [{"id": "say"}]}
    made = rewrite(card, [NEW])
    assert all(made[key] for key in ("name", "description", "version", "defaultInputModes", "defaultOutputModes"))
    (skill,) = made["skills"]
    assert (skill["name"], skill["description"], skill["tags"]) == ("say", "say", ["say"])
