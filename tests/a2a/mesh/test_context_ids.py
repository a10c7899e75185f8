"""Ids of contexts: each end's own, and what a task's id carries of the caller's."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.mesh.context_ids import ContextTags, carried_context, context_label
from meshgate.a2a.mesh.task_ids import SEPARATOR, TaskTags

pytestmark = pytest.mark.requirement("contexts.own")

TAGS = TaskTags(bytes(range(32)))
CONTEXTS = ContextTags(TAGS)
ANN = TAGS.owner("ann")
texts = st.text(min_size=1, max_size=80)
TAGGED = CONTEXTS.made_by_agent("c9", tenant="acme", owner=ANN, agent="echo")


def own(context: str, *, tenant: str = "acme", owner: bytes = ANN, agent: str = "echo") -> str | None:
    return CONTEXTS.agents_own(context, tenant=tenant, owner=owner, agent=agent)


@given(texts, texts)
def test_the_agents_id_of_a_callers_context_is_a_uuid_of_its_owners_alone(context: str, other: str) -> None:
    made = CONTEXTS.made_by_caller(context, tenant="acme", owner=ANN)
    assert (uuid.UUID(made).version, uuid.UUID(made).variant, str(uuid.UUID(made))) == (8, uuid.RFC_4122, made)
    assert made == CONTEXTS.made_by_caller(context, tenant="acme", owner=ANN)
    others = {
        CONTEXTS.made_by_caller(context, tenant="acme", owner=TAGS.owner("ben")),
        CONTEXTS.made_by_caller(context, tenant="bolt", owner=ANN),
        ContextTags(TaskTags(b"o" * 32)).made_by_caller(context, tenant="acme", owner=ANN),
    }
    if other != context:
        others.add(CONTEXTS.made_by_caller(other, tenant="acme", owner=ANN))
    assert made not in others


@given(texts)
def test_an_agents_id_comes_back_to_that_agent_from_its_owner_alone(context: str) -> None:
    shown = CONTEXTS.made_by_agent(context, tenant="acme", owner=ANN, agent="echo")
    assert own(shown) == context
    assert own(shown, agent="desk") is None
    assert own(shown, owner=TAGS.owner("ben")) is None
    assert own(shown, tenant="bolt") is None
    assert own(context) is None or SEPARATOR in context


@pytest.mark.parametrize("at", range(len(TAGGED)))
def test_an_id_with_any_character_changed_is_one_that_the_caller_made(at: int) -> None:
    for character in "A1-_~":
        if TAGGED[at] != character:
            assert own(TAGGED[:at] + character + TAGGED[at + 1 :]) is None


@pytest.mark.parametrize("context", ["", "c9", "~c9", TAGGED[:33], "\u00e9" * 32 + "~c9"])
def test_what_is_no_tag_is_one_that_the_caller_made(context: str) -> None:
    assert own(context) is None


def test_the_agent_of_a_context_is_known_by_its_name() -> None:
    asked = {"tenant": "acme", "owner": "ann"}
    assert CONTEXTS.made_by(TAGGED, **asked, agent="echo")
    assert not CONTEXTS.made_by(TAGGED, **asked, agent="desk")
    assert not CONTEXTS.made_by(TAGGED, tenant="acme", owner="ben", agent="echo")
    assert not CONTEXTS.made_by("c9", **asked, agent="echo")


@given(st.one_of(texts, st.uuids().map(str)))
def test_a_task_id_carries_a_context_of_up_to_64_bytes(context: str) -> None:
    label = context_label(context)
    fits = len(context.encode()) <= 64
    assert carried_context(label) == (context if fits else "")
    assert (label == "l") == (not fits)
    tasks = TAGS.tag("t7", tenant="acme", owner="ann", agent="echo", instance="echo-1", context=label)
    tag = TAGS.read(tasks)
    assert tag is not None
    assert (tag.context, tag.release, TAGS.genuine(tag, "acme")) == (label, "", True)


@pytest.mark.parametrize(
    ("context", "label"), [("x" * 64, "c"), ("x" * 65, "l"), ("\u00fc" * 32, "c"), ("\u00fc" * 33, "l")]
)
def test_what_is_carried_is_bounded_in_bytes(context: str, label: str) -> None:
    assert context_label(context)[0] == label
    assert carried_context(context_label(context)) == (context if label == "c" else "")


@pytest.mark.parametrize("label", ["", "u", "c", "l", "xdHJpcA", "ldHJpcA"])
def test_a_label_of_no_known_kind_or_without_content_carries_nothing(label: str) -> None:
    assert carried_context(label) == ""


def test_a_uuid_takes_22_characters_and_only_in_its_usual_spelling() -> None:
    plain = "3f0e6c2a-91f4-4b6e-8d6b-0a1b2c3d4e5f"
    assert (context_label(plain)[0], len(context_label(plain))) == ("u", 23)
    for other in (plain.upper(), plain.replace("-", ""), plain + "\n"):
        assert context_label(other)[0] == "c"
        assert carried_context(context_label(other)) == other
    assert context_label("") == carried_context("") == carried_context("l") == ""
