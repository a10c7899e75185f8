"""Labels of tasks: what an agent keeps for the gateways, and what none but a gateway can make."""

from __future__ import annotations

import pytest

from meshgate.a2a.mesh.context_ids import context_label
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels

pytestmark = pytest.mark.requirement("tasks.from_agents")
TAGS = TaskTags(bytes(32))
LABELS = TaskLabels(TAGS)
ANN = TAGS.owner("ann")
PARTS = [("", ""), ("1.2.0", ""), ("", context_label("trip")), ("2.0.0-rc.1", "l"), ("", context_label("x" * 64))]


def made(tenant: str = "acme", owner: str = "ann", agent: str = "desk", release: str = "", context: str = "") -> str:
    return LABELS.make(tenant, owner, agent, "desk-1", release, context)


@pytest.mark.parametrize(("release", "context"), PARTS)
def test_with_its_label_a_task_is_spelled_as_it_was_when_it_was_begun(release: str, context: str) -> None:
    given = TAGS.tag(
        "t1", tenant="acme", owner="ann", agent="desk", instance="desk-1", release=release, context=context
    )
    # Another gateway of the mesh has the key and nothing else.
    other = TaskTags(bytes(32))
    tag = TaskLabels(other).read(made(release=release, context=context), tenant="acme", owner=ANN, agent="desk")
    assert tag is not None
    assert (tag.upstream, tag.release, tag.context) == ("", release, context)
    assert other.spell(tag, "t1", "acme") == given
    assert made(release=release, context=context) == made(release=release, context=context)


def test_a_label_is_good_for_its_owner_tenant_and_agent_alone() -> None:
    label = made()
    for tenant, owner, agent in (
        ("umbrella", ANN, "desk"),
        ("acme", TAGS.owner("ben"), "desk"),
        ("acme", ANN, "shelf"),
    ):
        assert LABELS.read(label, tenant=tenant, owner=owner, agent=agent) is None
    assert TaskLabels(TaskTags(b"1" * 32)).read(label, tenant="acme", owner=ANN, agent="desk") is None


def test_a_label_cannot_be_changed_nor_an_id_be_taken_for_one() -> None:
    label = made(release="1.2.0", context="cdHJpcA")
    tag, context, release = label.split(".", 2)
    name = TAGS.tag("t", tenant="acme", owner="ann", agent="desk", instance="desk-1")
    for wrong in (
        tag,
        f"{tag}.{context}",
        f"{tag}.{release}",
        f"{tag}.{context}.1.2.1",
        f"{tag}.cdHJpcB.{release}",
        ("A" if tag[20] != "A" else "B").join((label[:20], label[21:])),
        label + ".",
        label + "~t",
        name,
        name.partition("~")[0],
        "",
        "x",
    ):
        assert LABELS.read(wrong, tenant="acme", owner=ANN, agent="desk") is None
    assert LABELS.read(label, tenant="acme", owner=ANN, agent="desk") is not None
    # The front of a label is no task's id.
    read = TAGS.read(label + "~t")
    assert read is not None
    assert not TAGS.genuine(read, "acme")


def test_without_a_label_a_task_has_the_id_that_it_has_without_context_and_release() -> None:
    given = TAGS.tag("t1", tenant="acme", owner="ann", agent="desk", instance="desk-1")
    assert TAGS.spell(LABELS.plain(owner=ANN, agent="desk", instance="desk-1"), "t1", "acme") == given
