"""Tokens and task ids to the byte: gateways and agents of other releases read them."""

import pytest

from meshgate.a2a.mesh.context_ids import ContextTags, context_label
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.mesh.lineage_tokens import mint, verify
from meshgate.a2a.mesh.task_ids import TaskTags

KEY = bytes(range(32))
LINEAGE = Lineage("g.1", "c1", (Step("a", "x"),), 2.5, "b", minted=1.8e9)


def test_a_lineage_token_is_spelled_as_in_every_release() -> None:
    token = "1.k1.WyJnLjEiLCJjMSIsW1siYSIsIngiXV0sMi41LCJiIiwiIixbXSwiIiwxODAwMDAwMDAwLjBd.JaDK4nD-jlaZTDOf0crHKQ"
    assert mint(LINEAGE, KEY, "k1") == token
    assert verify(token, {"k1": KEY}, "b") == LINEAGE


@pytest.mark.parametrize(
    ("release", "task_id"),
    [
        ("", "7Xup4E3xQoUNWCfLQ9Dot7DBeRy1UCkTuIIn~t7"),
        ("1.2.0", "7Xup4E3xQoUNWCfLQ9DozRBppokApvHe6ErH.1.2.0~t7"),
    ],
)
def test_a_task_id_is_spelled_as_in_every_release(release: str, task_id: str) -> None:
    made = TaskTags(KEY).tag("t7", tenant="acme", owner="ann", agent="echo", instance="echo-1", release=release)
    assert made == task_id


@pytest.mark.requirement("contexts.own")
def test_ids_of_contexts_are_spelled_as_in_every_release() -> None:
    tags = TaskTags(KEY)
    contexts, ann = ContextTags(tags), tags.owner("ann")
    assert contexts.made_by_caller("trip", tenant="acme", owner=ann) == "6ff9bc0e-833e-889a-9170-9cf3bddf049c"
    assert contexts.made_by_caller("room", tenant="acme", owner=ann) == "dbc92f3b-0561-86c4-96bd-ac0548df6eb3"
    assert contexts.made_by_agent("c9", tenant="acme", owner=ann, agent="echo") == "7Xup4E0ny0PQ6DUDJOctirt3XQFDvgga~c9"
    more = {"tenant": "acme", "owner": "ann", "agent": "echo", "instance": "echo-1", "context": context_label("trip")}
    assert tags.tag("t7", **more) == "7Xup4E3xQoUNWCfLQ9DoRCCdkbPrTYu1Yb3l.cdHJpcA~t7"
    assert tags.tag("t7", **more, release="1.2.0") == "7Xup4E3xQoUNWCfLQ9Doijq_8y-e6n8HAfoA.cdHJpcA.1.2.0~t7"


def test_a_token_of_the_longest_length_is_read_and_a_longer_one_is_not() -> None:
    key_id = "k" * (8192 - len(mint(LINEAGE, KEY, "")))
    longest, longer = mint(LINEAGE, KEY, key_id), mint(LINEAGE, KEY, key_id + "k")
    assert len(longest) == 8192
    keys = {key_id: KEY, key_id + "k": KEY}
    assert verify(longest, keys, "b") == LINEAGE
    assert verify(longer, keys, "b") is None
