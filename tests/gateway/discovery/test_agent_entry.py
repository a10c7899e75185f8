"""Agents as the catalogue lists them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.gateway.discovery.agent_entry import AgentEntry, entries_of
from meshgate.registry.groups import Group
from meshgate.registry.index import version_of
from meshgate.registry.model import Capability, Entry, Instance, Manifest
from tests.gateway.discovery.crew import GERMAN, check, entry

BASE = "https://mesh.example"


def release(
    card: dict[str, Any], *, agent: str = "interpreter", version: str = "1.0.0", tenant: str = "default", copy: int = 1
) -> Entry:
    skills = tuple(Capability(one["id"], version) for one in card.get("skills", ()))
    manifest = Manifest(agent, version, description="registered", skills=skills, card=card)
    return Entry(Instance(f"{agent}-{version}-{copy}", agent, manifest.digest(), tenant=tenant), manifest)


def listed(*releases: Entry, skills: tuple[str, ...] | None = None) -> list[AgentEntry]:
    """The entries of what these instances offer, of the skills that the caller may use."""
    groups = [
        Group(one.manifest.agent, own.skill, own.version, own, (one,))
        for one in releases
        for own in one.manifest.skills
        if skills is None or own.skill in skills
    ]
    groups.sort(key=lambda group: version_of(group.version), reverse=True)
    groups.sort(key=lambda group: (group.agent, group.skill))
    return entries_of(groups, "agents.example.org")


def on_wire(tree: dict[str, Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(tree))


@pytest.mark.requirement("catalogue.entries")
def test_an_entry_says_what_the_card_says_and_where_the_card_is() -> None:
    (one,) = listed(release({"name": "The Interpreter", **GERMAN}))
    tree = one.tree(BASE)
    check(on_wire(tree), "ArdEntry")
    assert tree == {
        "identifier": "urn:air:agents.example.org:interpreter",
        "displayName": "The Interpreter",
        "type": "application/a2a-agent-card+json",
        "url": "https://mesh.example/agents/interpreter/.well-known/agent-card.json",
        "version": "1.0.0",
        "description": "Translates between German and English",
        "tags": ("language", "contracts"),
        "capabilities": ("detect", "translate"),
        "representativeQueries": (
            "which language is this",
            "translate this contract into English",
            "how do you say thank you",
            "put this into German",
        ),
    }
    assert one.result(BASE) == {key: value for key, value in tree.items() if key != "representativeQueries"}


@pytest.mark.requirement("catalogue.entries")
def test_an_agent_of_another_tenant_has_the_tenant_in_its_identifier() -> None:
    (one,) = listed(release(GERMAN, tenant="acme"))
    assert (one.identifier, one.publisher) == ("urn:air:agents.example.org:acme:interpreter", "agents.example.org")


@pytest.mark.requirement("catalogue.scope")
def test_an_entry_tells_nothing_of_a_skill_that_the_caller_may_not_use() -> None:
    (one,) = listed(release(GERMAN), skills=("detect",))
    assert (one.skills, one.tags, one.examples) == (("detect",), ("language",), ("which language is this",))
    assert not any("layout" in text for text in one.skill_texts)


def test_the_newest_release_speaks_for_the_agent_and_for_each_skill_that_it_has() -> None:
    old = {"name": "Old", "skills": [{"id": "translate", "tags": ["old"]}, {"id": "hum", "tags": ["sound"]}]}
    new = {"name": "New", "skills": [{"id": "translate", "tags": ["new"]}]}
    for releases in ([release(old), release(new, version="10.0.0")], [release(new, version="10.0.0"), release(old)]):
        (one,) = listed(*releases)
        assert (one.name, one.version, one.skills, one.tags) == (
            "New",
            "10.0.0",
            ("hum", "translate"),
            ("sound", "new"),
        )


def test_of_two_tenants_agents_of_one_name_one_is_listed() -> None:
    entries = listed(release(GERMAN, agent="echo"), release(GERMAN, agent="echo", tenant="acme", version="2.0.0"))
    assert len(entries) == 1


@pytest.mark.parametrize(
    ("said", "queries"),
    [
        ({"examples": tuple("abcdefg")}, tuple("abcde")),
        ({"examples": ("a", "b")}, ("a", "b")),
        ({"examples": ("a",), "skill_texts": ("Sing", "Sings a song")}, ("a", "Sings a song")),
        ({"skill_texts": ("Sing", "Sings a song"), "description": "A singer"}, ("Sings a song", "A singer")),
        ({"examples": ("a",), "description": "a"}, ()),
        ({"description": "A singer"}, ()),
        ({}, ()),
    ],
)
def test_an_entry_has_two_to_five_queries_or_none(said: dict[str, Any], queries: tuple[str, ...]) -> None:
    one = entry("singer", **said)
    assert one.queries == queries
    assert ("representativeQueries" in one.tree(BASE)) == bool(queries)


ODD: list[dict[str, Any]] = [
    {},
    {"name": 7, "description": None, "skills": [{"id": "sing", "tags": "x", "examples": {"a": 1}, "name": []}, 3]},
    {"skills": [{"id": "sing", "tags": [1, None, " "], "examples": ["", "  "]}]},
]


@pytest.mark.parametrize("card", ODD)
def test_a_card_that_is_not_as_a2a_says_makes_an_entry_all_the_same(card: dict[str, Any]) -> None:
    manifest = Manifest("singer", "1.0.0", description="Sings", skills=(Capability("sing", "1.0.0"),), card=card)
    one = Entry(Instance("singer-1", "singer", manifest.digest()), manifest)
    (found,) = listed(one)
    assert (found.name, found.skills, found.tags, found.examples) == ("singer", ("sing",), (), ())
    assert found.description == "Sings"
    check(on_wire(found.tree(BASE)), "ArdEntry")


def test_what_a_skill_registered_with_stands_before_what_the_card_says() -> None:
    card = {
        "name": "singer",
        "skills": [{"id": "sing", "name": "Sing", "description": "On the card", "tags": ["card"]}],
    }
    own = Capability("sing", "1.0.0", description="Sings a song", tags=("music",))
    manifest = Manifest("singer", "1.0.0", skills=(own,), card=card)
    (found,) = listed(Entry(Instance("singer-1", "singer", manifest.digest()), manifest))
    assert (found.skill_texts, found.tags) == (("Sing", "Sings a song"), ("music",))


def test_a_foreign_agent_that_declares_no_skill_is_listed_by_what_it_says_of_itself() -> None:
    manifest = Manifest("oracle", "1.0.0", foreign=True, card={"name": "Oracle", "description": "Answers questions"})
    one = Entry(Instance("oracle-1", "oracle", manifest.digest()), manifest)
    (found,) = entries_of([Group("oracle", "*", "1.0.0", None, (one,))], "a.example")
    assert (found.name, found.description, found.skills) == ("Oracle", "Answers questions", ())
    assert "capabilities" not in found.tree(BASE)


@pytest.mark.requirement("catalogue.bounds")
def test_what_an_agent_says_at_length_is_cut() -> None:
    skills = [
        {"id": f"s{at:03}", "name": "n" * 999, "description": "d" * 5000, "tags": [f"{at}" + "t" * 999] * 3}
        for at in range(150)
    ]
    skills[0]["examples"] = [f"{at}" + "e" * 999 for at in range(500)]
    (one,) = listed(release({"name": "N" * 5000, "description": "D" * 5000, "skills": skills}))
    sizes = [len(one.name), len(one.description), len(one.skills), len(one.tags), len(one.examples)]
    assert sizes == [200, 1000, 100, 32, 100]
    assert max(map(len, (*one.tags, *one.examples))) == 200
    assert max(map(len, one.skill_texts)) == 1000


def test_entries_of_one_content_have_one_key_and_of_another_another() -> None:
    def key(*releases: Entry, skills: tuple[str, ...] | None = None) -> object:
        return listed(*releases, skills=skills)[0].key

    first = release(GERMAN)
    assert key(first) == key(release(GERMAN, copy=2))
    others = [
        key(first, skills=("detect",)),
        key(first, release(GERMAN, version="0.9.0")),
        key(release(GERMAN, tenant="acme")),
        key(release({**GERMAN, "description": "another"})),
    ]
    assert len({key(first), *others}) == 5
