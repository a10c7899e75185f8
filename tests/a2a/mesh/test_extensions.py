"""The extensions that Meshgate makes: their URIs and pages, and what an answer says of them."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.extensions import (
    BY_AGENTS,
    BY_GATEWAYS,
    CAPABILITIES,
    CONTRACTS,
    EXTENSIONS,
    LINEAGE,
    PROVENANCE,
    SKILL,
    Extension,
    entry,
    with_activated,
)

PAGES = Path(__file__).parents[3] / "docs/extensions"
THEIRS = "https://x.test/theirs"


@pytest.mark.requirement("extensions.pages")
def test_each_extension_has_a_page_that_names_its_uri_and_each_page_an_extension() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {one.name for one in EXTENSIONS}
    for one in EXTENSIONS:
        page = (PAGES / f"{one.name}.md").read_text("utf-8")
        assert f"`{one.uri}`" in page
        assert [name for name in one.names if f"| `{name}` |" not in page] == []


@pytest.mark.requirement("extensions.pages")
def test_each_header_and_key_of_ours_belongs_to_one_extension() -> None:
    names = [name for one in EXTENSIONS for name in one.names]
    known = {value for name, value in inspect.getmembers(headers) if name.isupper() and "meshgate" in str(value)}
    assert sorted(names) == sorted(known)


@pytest.mark.requirement("extensions.pages")
def test_the_uris_are_those_that_cards_have_always_had() -> None:
    assert CAPABILITIES.uri == "https://meshgate.dev/extensions/capabilities/v1"
    assert CONTRACTS.uri == "https://meshgate.dev/extensions/contracts/v1"
    assert len({one.uri for one in EXTENSIONS}) == len(EXTENSIONS)
    assert {*BY_GATEWAYS, *BY_AGENTS, CONTRACTS, PROVENANCE, CAPABILITIES} == set(EXTENSIONS)


@pytest.mark.requirement("extensions.activated")
@pytest.mark.parametrize(
    ("asked", "said", "told"),
    [
        (None, "", ""),
        (None, THEIRS, THEIRS),
        ("", "", ""),
        (THEIRS, THEIRS, THEIRS),
        (LINEAGE.uri, "", LINEAGE.uri),
        (f" {LINEAGE.uri} ,{THEIRS},, {LINEAGE.uri}", THEIRS, f"{THEIRS}, {LINEAGE.uri}"),
        (f"{SKILL.uri},{LINEAGE.uri}", "", f"{LINEAGE.uri}, {SKILL.uri}"),
        (LINEAGE.uri, f"{THEIRS},{LINEAGE.uri}", f"{THEIRS},{LINEAGE.uri}"),
        (LINEAGE.uri.upper(), "", ""),
        (LINEAGE.uri + "0", "", ""),
        (CONTRACTS.uri, "", ""),
    ],
)
def test_an_answer_names_what_is_activated_of_what_was_asked_for(asked: str | None, said: str, told: str) -> None:
    before = {"meshgate-call": "c", **({"a2a-extensions": said} if said else {})}
    call = {} if asked is None else {"a2a-extensions": asked}
    found = with_activated(before, call, (LINEAGE, SKILL))
    assert found == {"meshgate-call": "c", **({"a2a-extensions": told} if told else {})}


@pytest.mark.requirement("extensions.pages")
def test_an_entry_of_a_card_requires_nothing_and_has_parameters_where_there_are_some() -> None:
    plain = {"uri": SKILL.uri, "description": SKILL.description, "required": False}
    assert entry(SKILL) == plain
    assert entry(SKILL, {"a": 1}) == {**plain, "params": {"a": 1}}
    assert entry(SKILL, {}) == {**plain, "params": {}}


@pytest.mark.requirement("extensions.pages")
def test_a_uri_says_whose_what_and_which_form() -> None:
    assert Extension("x", "y").uri == "https://meshgate.dev/extensions/x/v1"
