import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.mesh.task_ids import SEPARATOR, TaskTags
from meshgate.a2a.mesh.task_tag import TaskTag

TAGS = TaskTags(b"k" * 32)
ID = TAGS.tag("task-1", tenant="acme", owner="user:ann", agent="writer", instance="writer-1")


def owns(tag: TaskTag, tags: TaskTags = TAGS, *, admin: bool = False) -> bool:
    return tags.owns(tag, tenant="acme", owner="user:ann", admin=admin)


def read(task_id: str) -> TaskTag:
    tag = TAGS.read(task_id)
    assert tag is not None
    return tag


names = st.text(min_size=1, max_size=10)


RELEASED = TAGS.tag(
    "task-1", tenant="acme", owner="user:ann", agent="writer", instance="writer-1", release="1.2.0-rc.1"
)


@given(
    upstream=names,
    tenant=names,
    owner=names,
    agent=names,
    instance=names,
    release=st.sampled_from(["", "1.0.0", "2.0.0-rc.1+build.5"]),
)
def test_a_tag_says_where_its_task_is_and_whose_and_in_which_words(
    upstream: str, tenant: str, owner: str, agent: str, instance: str, release: str
) -> None:
    tag = read(TAGS.tag(upstream, tenant=tenant, owner=owner, agent=agent, instance=instance, release=release))
    assert (tag.upstream, tag.release) == (upstream, release)
    assert (tag.agent, tag.instance) == (TAGS.agent(agent), TAGS.instance(instance))
    assert TAGS.owns(tag, tenant=tenant, owner=owner)


@pytest.mark.parametrize(("of", "at"), [(of, at) for of in (ID, RELEASED) for at in range(len(of))])
def test_an_id_with_any_character_changed_is_nobodys(of: str, at: int) -> None:
    for character in "A1-_~.":
        if of[at] != character:
            tag = TAGS.read(of[:at] + character + of[at + 1 :])
            assert tag is None or not owns(tag)
            assert tag is None or not owns(tag, admin=True)


def test_the_release_cannot_be_taken_away_or_put_there() -> None:
    front, _, upstream = RELEASED.partition(SEPARATOR)
    assert not owns(read(f"{front.partition('.')[0]}{SEPARATOR}{upstream}"))
    assert not owns(read(ID.replace(SEPARATOR, f".1.2.0{SEPARATOR}")))
    assert TAGS.read(ID.replace(SEPARATOR, f".{SEPARATOR}")) is None


@pytest.mark.requirement("contexts.own")
def test_the_context_cannot_be_taken_away_changed_or_put_there() -> None:
    parts = {"tenant": "acme", "owner": "user:ann", "agent": "echo", "instance": "echo-1"}
    for release in ("", "1.2.0"):
        made = TAGS.tag("task-1", **parts, release=release, context="cdHJpcA")
        tag = read(made)
        assert (tag.context, tag.release, tag.upstream, owns(tag)) == ("cdHJpcA", release, "task-1", True)
        assert not owns(read(made.replace(".cdHJpcA", "")))
        assert not owns(read(made.replace("cdHJpcA", "cdHJpcB")))
        assert not owns(read(made.replace("cdHJpcA", "udHJpcA")))
    assert not owns(read(ID.replace(SEPARATOR, f".cdHJpcA{SEPARATOR}")))
    assert not owns(read(RELEASED.replace(".1.2.0", ".cdHJpcA.1.2.0")))
    for wrong in ("cdHJpcA.", "c/", "C", "c" + "A" * 87):
        assert TAGS.read(ID.replace(SEPARATOR, f".{wrong}{SEPARATOR}")) is None
    assert TAGS.read(ID.replace(SEPARATOR, f".c{'A' * 86}{SEPARATOR}")) is not None


def test_an_id_of_another_mesh_is_nobodys() -> None:
    assert not owns(read(ID), TaskTags(b"o" * 32))


@pytest.mark.parametrize(
    ("tenant", "owner"), [("acme", "user:bob"), ("other", "user:ann"), ("acmeu", "ser:ann"), ("", ""), ("acme", "")]
)
def test_another_principal_does_not_own_it(tenant: str, owner: str) -> None:
    assert not TAGS.owns(read(ID), tenant=tenant, owner=owner)


def test_an_admin_acts_on_the_tasks_of_its_tenant_alone() -> None:
    assert TAGS.owns(read(ID), tenant="acme", owner="admin", admin=True)
    assert not TAGS.owns(read(ID), tenant="other", owner="admin", admin=True)


def test_ids_of_two_agents_owners_tenants_or_instances_never_meet() -> None:
    parts = {"upstream": "t", "tenant": "a", "owner": "a", "agent": "a", "instance": "a"}
    made = {TAGS.tag(**{**parts, name: value}) for name in parts for value in ("a", "b")}
    assert len(made) == 7  # "t", and one for each other value of each of the five; "a" is the same four times


def test_a_name_hashes_differently_as_agent_instance_and_owner() -> None:
    assert len({TAGS.agent("x"), TAGS.instance("x"), TAGS.owner("x")}) == 3


def test_a_tag_has_one_spelling_only() -> None:
    front, upstream = ID.split(SEPARATOR)
    data = base64.urlsafe_b64decode(front)
    spellings = {base64.b64encode(data).decode(), front + "=", front + "\n", " " + front, front.swapcase(), front[:-1]}
    spellings |= {front[:20] + filler + front[20:] for filler in ("\n", "=", " ", "\u00e9")}
    for spelling in spellings - {front}:
        tag = TAGS.read(spelling + SEPARATOR + upstream)
        assert tag is None or not owns(tag)


@given(st.binary(min_size=27, max_size=27))
def test_the_standard_alphabet_is_no_other_spelling(data: bytes) -> None:
    standard = base64.b64encode(data).decode()
    if set(standard) & set("+/"):
        assert TAGS.read(standard + SEPARATOR + "t") is None


@pytest.mark.parametrize(
    "task_id", ["", "t", "~t", "a" * 36, "a" * 36 + "~", "a" * 35 + "~t", "a" * 37 + "~t", "\u00e9" * 36 + "~t"]
)
def test_an_id_without_a_tag_is_read_as_none(task_id: str) -> None:
    assert TAGS.read(task_id) is None


def test_an_upstream_id_may_hold_the_separator() -> None:
    inner = TAGS.tag("a~b~c", tenant="acme", owner="user:ann", agent="a", instance="i")
    assert read(inner).upstream == "a~b~c"


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_no_id_of_anybody(text: str) -> None:
    tag = TAGS.read(text)
    assert tag is None or not owns(tag, admin=True)
