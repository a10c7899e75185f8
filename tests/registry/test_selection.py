"""Which agents answer to a selector: the rules by example."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import parse_selector
from meshgate.registry.groups import ANY_SKILL, Group, Scope
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry, Manifest
from meshgate.registry.selection import catalogue, explain, select
from tests.registry.samples import agent, entry, gateway

ALL = Scope()


def skill(name: str, version: str = "1.0.0", *tags: str, default: bool = False, **labels: str) -> Capability:
    return Capability(name, version, tags=tags, labels=labels, default=default)


def release(name: str, *skills: Capability, version: str = "1.0.0", foreign: bool = False) -> Manifest:
    return Manifest(name, version, skills=skills, foreign=foreign)


def running(name: str, manifest: Manifest, **changes: object) -> Entry:
    return Entry(msgspec.structs.replace(agent(name, manifest), **changes), manifest)


def index(*entries: Entry) -> Index:
    made = Index()
    made.apply(Delta(put=entries, switches=(), reset=True))
    return made


def brief(groups: tuple[Group, ...]) -> list[tuple[str, str, str, list[str]]]:
    return [
        (group.agent, group.skill, group.version, [entry.instance.id for entry in group.entries]) for group in groups
    ]


@pytest.mark.requirement("registry.select")
def test_the_highest_version_comes_first_then_the_agents_name() -> None:
    found = index(
        running("b1", release("beta", skill("sum", "2.1.0"))),
        running("a1", release("alpha", skill("sum", "2.1.0"))),
        running("c1", release("gamma", skill("sum", "2.10.0"))),
        running("d1", release("delta", skill("sum", "3.0.0"))),
    )

    assert brief(select(found, parse_selector("sum@2"), ALL)) == [
        ("gamma", "sum", "2.10.0", ["c1"]),
        ("alpha", "sum", "2.1.0", ["a1"]),
        ("beta", "sum", "2.1.0", ["b1"]),
    ]


def test_instances_of_one_agent_at_one_version_are_one_group_in_order_of_their_ids() -> None:
    old, new = release("alpha", skill("sum", "1.0.0")), release("alpha", skill("sum", "1.1.0"), version="1.1.0")
    found = index(running("a3", old), running("a1", old), running("a2", new))

    assert brief(select(found, parse_selector("sum@1"), ALL)) == [
        ("alpha", "sum", "1.1.0", ["a2"]),
        ("alpha", "sum", "1.0.0", ["a1", "a3"]),
    ]


def test_one_release_may_offer_a_skill_at_two_versions() -> None:
    found = index(running("a1", release("alpha", skill("sum", "1.4.0"), skill("sum", "2.0.0"))))

    assert brief(select(found, parse_selector("sum@1"), ALL)) == [("alpha", "sum", "1.4.0", ["a1"])]
    assert [group.version for group in select(found, parse_selector("sum@*"), ALL)] == ["2.0.0", "1.4.0"]


@pytest.mark.requirement("registry.select")
def test_all_labels_and_tags_asked_for_are_required() -> None:
    found = index(
        running("a1", release("alpha", skill("sum", "1.0.0", "fast", "cheap", quality="high"))),
        running("b1", release("beta", skill("sum", "1.0.0", "fast"))),
    )

    assert [group.agent for group in select(found, parse_selector("sum@1,fast"), ALL)] == ["alpha", "beta"]
    assert [group.agent for group in select(found, parse_selector("sum@1,fast,cheap"), ALL)] == ["alpha"]
    assert [group.agent for group in select(found, parse_selector("sum@1,quality=high"), ALL)] == ["alpha"]
    assert select(found, parse_selector("sum@1,quality=low"), ALL) == ()


def test_a_label_of_the_instance_overrides_the_releases() -> None:
    manifest = release("alpha", skill("sum", "1.0.0", region="eu"))
    found = index(running("a1", manifest), running("a2", manifest, labels={"region": "us"}))

    assert brief(select(found, parse_selector("sum@1,region=us"), ALL)) == [("alpha", "sum", "1.0.0", ["a2"])]
    assert brief(select(found, parse_selector("sum@1,region=eu"), ALL)) == [("alpha", "sum", "1.0.0", ["a1"])]


def test_draining_instances_other_tenants_and_gateways_are_never_chosen() -> None:
    manifest = release("alpha", skill("sum"))
    found = index(
        running("a1", manifest, draining=True),
        running("a2", manifest, tenant="acme"),
        Entry(msgspec.structs.replace(gateway("g1"), agent="alpha", manifest=manifest.digest()), manifest),
    )

    assert select(found, parse_selector("sum@1"), ALL) == ()
    assert select(found, parse_selector("alpha"), ALL) == ()
    assert brief(select(found, parse_selector("sum@1"), Scope(tenant="acme"))) == [("alpha", "sum", "1.0.0", ["a2"])]


@pytest.mark.parametrize(
    ("scope", "agents"),
    [
        (Scope(agents=("alp*",)), ["alpha"]),
        (Scope(agents=("beta", "gamma")), ["beta"]),
        (Scope(skills=("su?",)), ["alpha", "beta"]),
        (Scope(agents=("alpha",), skills=("translate",)), []),
        (Scope(agents=()), []),
        (Scope(skills=()), []),
        (Scope(agents=("ALPHA",)), []),
    ],
)
def test_a_scope_covers_what_both_its_patterns_match(scope: Scope, agents: list[str]) -> None:
    found = index(running("a1", release("alpha", skill("sum"))), running("b1", release("beta", skill("sum"))))

    assert [group.agent for group in select(found, parse_selector("sum@*"), scope)] == agents


def test_denied_and_absent_give_the_same() -> None:
    found = index(running("a1", release("alpha", skill("sum"), skill("merge"))))
    nothing = Scope(agents=("beta",))

    for text in ("sum@1", "nowhere@1", "alpha", "nobody"):
        assert select(found, parse_selector(text), nothing) == ()
        assert select(found, parse_selector(text), nothing, "sum") == ()


def test_called_by_name_an_agents_only_skill_is_meant() -> None:
    found = index(running("a1", release("alpha", skill("sum", "1.2.0"))))

    assert brief(select(found, parse_selector("alpha"), ALL)) == [("alpha", "sum", "1.2.0", ["a1"])]


def test_called_by_name_the_default_skill_is_meant_unless_the_message_names_one() -> None:
    found = index(running("a1", release("alpha", skill("sum"), skill("merge", "2.0.0", default=True))))

    assert brief(select(found, parse_selector("alpha"), ALL)) == [("alpha", "merge", "2.0.0", ["a1"])]
    assert brief(select(found, parse_selector("alpha"), ALL, "sum")) == [("alpha", "sum", "1.0.0", ["a1"])]
    assert select(found, parse_selector("alpha"), ALL, "nothing") == ()


def test_called_by_name_an_agent_with_several_skills_wants_to_be_told_which() -> None:
    found = index(running("a1", release("alpha", skill("sum"), skill("merge"), skill("secret"))))

    with pytest.raises(InvalidParams) as caught:
        select(found, parse_selector("alpha"), Scope(skills=("sum", "merge")))

    assert "merge, sum" in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.requirement("routing.agent_decides")
def test_an_agent_with_several_skills_and_no_default_decides_for_who_may_use_all_of_them() -> None:
    found = index(
        running("a1", release("alpha", skill("sum"), skill("merge"), version="1.1.0")),
        running("a2", release("alpha", skill("sum"))),
        running("a3", release("alpha", skill("sum"), version="2.0.0"), draining=True),
    )
    everyone = [("alpha", "*", "1.1.0", ["a1"]), ("alpha", "*", "1.0.0", ["a2"])]
    for asked in ("", "*"):
        assert brief(select(found, parse_selector("alpha"), ALL, asked)) == everyone
    explained = explain(found, parse_selector("alpha"), ALL)
    assert explained.skill == "*"
    assert [(one.instance, one.skill, one.reason) for one in explained.verdicts] == [
        ("a1", "*", "matched"),
        ("a2", "*", "matched"),
        ("a3", "*", "draining"),
    ]
    for skills in (("s*", "m*"), ("sum", "merge"), ("?um", "merge")):
        for asked in ("", "*"):
            with pytest.raises(InvalidParams, match=r"several skills \(merge, sum\)"):
                select(found, parse_selector("alpha"), Scope(skills=skills), asked)


@pytest.mark.requirement("routing.agent_decides")
def test_a_call_by_name_never_means_a_tool_and_an_agent_of_tools_alone_decides() -> None:
    one, add, divide = skill("sum"), skill("add", "1.0.0", "tool"), skill("divide", "1.0.0", "tool")
    found = index(running("a1", release("alpha", one, add, divide)), running("b1", release("beta", add, divide)))
    assert brief(select(found, parse_selector("alpha"), ALL)) == [("alpha", "sum", "1.0.0", ["a1"])]
    assert brief(select(found, parse_selector("beta"), ALL)) == [("beta", "*", "1.0.0", ["b1"])]


def test_a_default_skill_that_the_caller_may_not_use_is_not_its_default() -> None:
    found = index(running("a1", release("alpha", skill("sum"), skill("merge", default=True))))

    assert [group.skill for group in select(found, parse_selector("alpha"), Scope(skills=("sum",)))] == ["sum"]


def test_the_newest_release_says_which_skill_is_the_default() -> None:
    old = release("alpha", skill("sum", default=True), skill("merge"), version="1.9.0")
    new = release("alpha", skill("sum"), skill("merge", "1.1.0", default=True), version="1.10.0")
    found = index(running("a1", old), running("a2", new))

    assert brief(select(found, parse_selector("alpha"), ALL)) == [
        ("alpha", "merge", "1.1.0", ["a2"]),
        ("alpha", "merge", "1.0.0", ["a1"]),
    ]


def test_a_foreign_agent_called_by_name_counts_as_every_skill() -> None:
    foreign = release("outside", skill("sum"), skill("merge"), version="3.1.0", foreign=True)
    found = index(running("o1", foreign))

    group = select(found, parse_selector("outside"), ALL)[0]
    assert (group.skill, group.version, group.capability) == (ANY_SKILL, "3.1.0", None)
    assert select(found, parse_selector("outside"), Scope(skills=("sum",))) == ()
    assert select(found, parse_selector("outside"), Scope(skills=("sum",)), "sum") == ()
    assert select(found, parse_selector("outside"), ALL, "sum") == (group,)
    assert select(found, parse_selector("outside"), ALL, "dance") == ()
    assert brief(select(found, parse_selector("sum@1"), Scope(skills=("sum",)))) == [
        ("outside", "sum", "1.0.0", ["o1"])
    ]


def test_a_foreign_agent_that_lists_no_skill_may_have_any() -> None:
    found = index(running("o1", release("outside", foreign=True)))
    assert [group.skill for group in select(found, parse_selector("outside"), ALL, "sum")] == [ANY_SKILL]
    told = explain(found, parse_selector("outside"), ALL, "sum")
    assert [one.reason for one in told.verdicts] == ["matched"]


def test_a_skill_cannot_call_itself_every_skill() -> None:
    found = index(running("a1", release("alpha", skill("sum", default=True), skill("*"), foreign=False)))

    assert [group.skill for group in select(found, parse_selector("alpha"), ALL)] == ["sum"]
    assert [group.skill for group in catalogue(found, ALL)] == ["sum"]


def test_a_version_that_is_none_is_found_by_any_version_alone() -> None:
    found = index(running("o1", release("outside", skill("sum", "spring"), version="May", foreign=True)))

    assert brief(select(found, parse_selector("sum@*"), ALL)) == [("outside", "sum", "spring", ["o1"])]
    assert select(found, parse_selector("sum@1"), ALL) == ()


def test_the_catalogue_is_what_a_caller_may_use() -> None:
    found = index(
        running("b1", release("beta", skill("sum"))),
        running("a1", release("alpha", skill("sum", "1.0.0"), skill("sum", "2.0.0"), skill("merge"))),
        running("o1", release("outside", foreign=True)),
        running("h1", release("hidden", skill("sum"))),
    )
    scope = Scope(agents=("alpha", "beta", "outside"))

    assert [(group.agent, group.skill, group.version) for group in catalogue(found, scope)] == [
        ("alpha", "merge", "1.0.0"),
        ("alpha", "sum", "2.0.0"),
        ("alpha", "sum", "1.0.0"),
        ("beta", "sum", "1.0.0"),
        ("outside", "*", "1.0.0"),
    ]


@pytest.mark.requirement("registry.explain")
def test_an_explanation_gives_each_instance_its_reason() -> None:
    good = skill("sum", "1.0.0", "fast", region="eu")
    found = index(
        running("matched", release("alpha", good)),
        running("tenant", release("alpha", good), tenant="acme"),
        running("denied", release("hidden", good)),
        running("draining", release("alpha", good), draining=True),
        running("version", release("alpha", skill("sum", "2.0.0", "fast", region="eu"), version="2.0.0")),
        running("label", release("beta", skill("sum", "1.0.0", "fast"))),
        running("tag", release("gamma", skill("sum", "1.0.0", region="eu"))),
    )
    told = explain(found, parse_selector("sum@1,region=eu,fast"), Scope(agents=("alpha", "beta", "gamma")))

    assert {one.instance: one.reason for one in told.verdicts} == {
        "matched": "matched",
        "tenant": "tenant",
        "denied": "not permitted",
        "draining": "draining",
        "version": "version",
        "label": "label",
        "tag": "tag",
    }
    assert told.verdicts[0].matched
    assert brief(told.groups) == [("alpha", "sum", "1.0.0", ["matched"])]


def test_an_explanation_of_an_agent_tells_of_instances_without_the_skill() -> None:
    found = index(
        running("a1", release("alpha", skill("sum"))),
        running("a2", release("alpha", skill("merge"), version="0.9.0")),
    )
    told = explain(found, parse_selector("alpha"), ALL, "sum")

    assert [(one.instance, one.reason) for one in told.verdicts] == [("a1", "matched"), ("a2", "skill")]


def test_an_explanation_of_an_agent_that_offers_nothing_says_why() -> None:
    found = index(running("a1", release("alpha", skill("sum")), draining=True))
    told = explain(found, parse_selector("alpha"), ALL)

    assert [one.reason for one in told.verdicts] == ["draining"]
    assert told.groups == ()


def test_the_revision_grows_with_changes_alone() -> None:
    found = index(running("a1", release("alpha", skill("sum"))))
    before = found.revision

    assert not found.apply(Delta(put=(running("a1", release("alpha", skill("sum"))),), gone=("nobody",), switches=()))
    assert found.revision == before
    assert found.apply(Delta(gone=("a1",)))
    assert found.revision == before + 1
    assert found.entries == {}


def test_an_explanation_lists_the_versions_of_an_instance_in_their_order() -> None:
    index = Index()
    skills = tuple(Capability("say", version) for version in ("10.0.0", "9.0.0", "10.0.0-rc.1"))
    index.apply(Delta(put=(entry("a1", Manifest("echo", "1.0.0", skills=skills)),)))
    found = explain(index, parse_selector("say@*"), Scope())
    assert [one.version for one in found.verdicts if not one.matched] == ["10.0.0-rc.1"]
    assert [one.version for one in found.verdicts if one.matched] == ["9.0.0", "10.0.0"]
