"""The index gives what a plain search over all entries gives, however the entries came."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import Selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version, VersionRange
from meshgate.registry.backends.model import Snapshot
from meshgate.registry.backends.snapshot_diff import difference
from meshgate.registry.groups import Explanation, Group, Scope
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry, Instance, Manifest, Switch
from meshgate.registry.selection import catalogue, explain, select

AGENTS, SKILLS, TENANTS = ("alpha", "beta"), ("sum", "merge"), ("default", "acme")
VERSIONS = ("0.9.0", "1.0.0", "1.2.0", "2.0.0-rc.1", "2.0.0")
TAGS, REGIONS = ("fast", "cheap"), ("eu", "us")

labels = st.dictionaries(st.just("region"), st.sampled_from(REGIONS), max_size=1)
capabilities = st.builds(
    Capability,
    skill=st.sampled_from(SKILLS),
    version=st.sampled_from(VERSIONS),
    tags=st.sets(st.sampled_from(TAGS)).map(lambda tags: tuple(sorted(tags))),
    labels=labels,
    default=st.booleans(),
)
manifests = st.builds(
    Manifest,
    agent=st.sampled_from(AGENTS),
    version=st.sampled_from(VERSIONS),
    skills=st.lists(capabilities, max_size=3, unique_by=lambda one: (one.skill, one.version)).map(tuple),
    foreign=st.booleans(),
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    manifest = draw(manifests)
    instance = Instance(
        id=draw(st.sampled_from(("i1", "i2", "i3", "i4", "i5", "i6"))),
        agent=manifest.agent,
        manifest=manifest.digest(),
        tenant=draw(st.sampled_from(TENANTS)),
        labels=draw(labels),
        kind=draw(st.sampled_from(("agent", "agent", "agent", "gateway"))),
        draining=draw(st.booleans()),
    )
    return Entry(instance, manifest)


def state(found: list[Entry], switches: set[Switch]) -> Snapshot:
    return Snapshot({one.instance.id: one for one in found}, tuple(sorted(switches)))


states = st.builds(
    state,
    st.lists(entries(), max_size=8),
    st.sets(st.builds(Switch, st.just("agent"), st.sampled_from(AGENTS))),
)
patterns = st.lists(st.sampled_from(("*", "a*", "sum", "m?rge", "beta")), max_size=2).map(tuple)
scopes = st.builds(Scope, tenant=st.sampled_from(TENANTS), agents=patterns, skills=patterns)
bounds = st.none() | st.sampled_from(VERSIONS).map(parse_version)
selectors = st.one_of(
    st.builds(Selector, agent=st.sampled_from(AGENTS)),
    st.builds(
        Selector,
        skill=st.sampled_from(SKILLS),
        versions=st.builds(VersionRange, bounds, bounds),
        labels=labels.map(lambda found: tuple(found.items())),
        tags=st.sets(st.sampled_from(TAGS)).map(lambda tags: tuple(sorted(tags))),
    ),
)
asked_skills = st.sampled_from(("", "", *SKILLS))

Found = list[tuple[str, str, Version, list[str]]]


def brief(groups: tuple[Group, ...]) -> Found:
    return [
        (group.agent, group.skill, parse_version(group.version), [entry.instance.id for entry in group.entries])
        for group in groups
    ]


def plainly(state: Snapshot, selector: Selector, scope: Scope, skill: str) -> Found | None:
    """What `select` means, as a search without an index; None where it refuses."""
    usable = [
        one
        for one in state.entries.values()
        if one.instance.kind == "agent" and one.instance.tenant == scope.tenant and not one.instance.draining
    ]
    hits: list[tuple[str, str, Version, str]] = []
    if selector.skill:
        for one in usable:
            for offer in one.manifest.skills:
                found = {**offer.labels, **one.instance.labels}
                if (
                    offer.skill == selector.skill
                    and permitted(scope, one.instance.agent, offer.skill)
                    and parse_version(offer.version) in selector.versions
                    and all(found.get(key) == value for key, value in selector.labels)
                    and set(selector.tags) <= set(offer.tags)
                ):
                    hits.append((one.instance.agent, offer.skill, parse_version(offer.version), one.instance.id))
        return gathered(hits)
    mine = [one for one in usable if one.instance.agent == selector.agent]
    if skill:  # a skill that is named must be one of those that an agent lists, if it lists any
        mine = [one for one in mine if not (lists := {offer.skill for offer in one.manifest.skills}) or skill in lists]
    own = [(one, offer) for one in mine if not one.manifest.foreign for offer in one.manifest.skills]
    own = [(one, offer) for one, offer in own if permitted(scope, selector.agent, offer.skill)]
    if not skill and own:
        newest = max(parse_version(one.manifest.version) for one, _ in own)
        release = [(one, offer) for one, offer in own if parse_version(one.manifest.version) == newest]
        names, defaults = {offer.skill for _, offer in release}, {offer.skill for _, offer in release if offer.default}
        chosen = defaults if len(defaults) == 1 else names
        if len(chosen) > 1:
            every = {offer.skill for one, _ in release for offer in one.manifest.skills}
            if names != every or not permitted(scope, selector.agent, "*"):
                return None
            return gathered(
                [(selector.agent, "*", parse_version(one.manifest.version), one.instance.id) for one in mine]
            )
        skill = chosen.pop()
    hits += [
        (selector.agent, skill, parse_version(offer.version), one.instance.id)
        for one, offer in own
        if offer.skill == skill
    ]
    if permitted(scope, selector.agent, "*"):
        hits += [
            (selector.agent, "*", parse_version(one.manifest.version), one.instance.id)
            for one in mine
            if one.manifest.foreign
        ]
    return gathered(hits)


def permitted(scope: Scope, agent: str, skill: str) -> bool:
    return any(fnmatchcase(agent, one) for one in scope.agents) and any(fnmatchcase(skill, one) for one in scope.skills)


def gathered(hits: list[tuple[str, str, Version, str]]) -> Found:
    keys = sorted({(agent, skill, version) for agent, skill, version, _ in hits}, key=lambda key: key[:2])
    keys.sort(key=lambda key: key[2], reverse=True)
    return [(*key, sorted(hit[3] for hit in hits if hit[:3] == key)) for key in keys]


def built(state: Snapshot) -> Index:
    index = Index()
    index.apply(Delta(put=tuple(state.entries.values()), switches=state.switches, reset=True))
    return index


def resolved(index: Index, selector: Selector, scope: Scope, skill: str) -> Found | None:
    try:
        return brief(select(index, selector, scope, skill))
    except InvalidParams:
        return None


def explained(index: Index, selector: Selector, scope: Scope, skill: str) -> Explanation | None:
    try:
        return explain(index, selector, scope, skill)
    except InvalidParams:
        return None


@given(states, selectors, scopes, asked_skills)
@settings(max_examples=400)
def test_the_index_finds_what_a_plain_search_finds(
    state: Snapshot, selector: Selector, scope: Scope, skill: str
) -> None:
    assert resolved(built(state), selector, scope, skill) == plainly(state, selector, scope, skill)


@given(states, selectors, scopes, asked_skills)
@settings(max_examples=200)
def test_an_explanation_agrees_with_the_choice(state: Snapshot, selector: Selector, scope: Scope, skill: str) -> None:
    index = built(state)
    told = explained(index, selector, scope, skill)

    assert (told and brief(told.groups)) == resolved(index, selector, scope, skill)
    if told is not None:
        chosen = {(entry.instance.id, group.skill) for group in told.groups for entry in group.entries}
        assert {(one.instance, one.skill) for one in told.verdicts if one.matched} == chosen


@given(st.lists(states, min_size=1, max_size=5), st.booleans(), scopes)
@settings(max_examples=200)
def test_a_table_kept_by_deltas_equals_one_built_anew(history: list[Snapshot], resets: bool, scope: Scope) -> None:
    kept, last = Index(), None
    for state in history:
        before = kept.revision
        delta = difference(None if resets else last, state)
        changed = delta is not None and kept.apply(delta)
        assert changed == (kept.revision > before)
        last = state
    fresh = built(history[-1])

    assert kept.entries == fresh.entries
    assert kept.switches == fresh.switches
    assert kept.gateways == fresh.gateways
    assert catalogue(kept, scope) == catalogue(fresh, scope)
    for name in SKILLS:
        assert brief(select(kept, Selector(skill=name), scope)) == brief(select(fresh, Selector(skill=name), scope))
    for name in AGENTS:
        assert resolved(kept, Selector(agent=name), scope, "sum") == resolved(fresh, Selector(agent=name), scope, "sum")


@given(states, states)
def test_a_difference_leads_from_the_one_to_the_other(old: Snapshot, new: Snapshot) -> None:
    index = built(old)
    delta = difference(old, new)
    if delta is not None:
        assert index.apply(delta)

    assert index.entries == new.entries
    assert index.switches == new.switches
