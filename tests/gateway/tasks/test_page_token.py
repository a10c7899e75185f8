"""Tokens of pages: a place in a list, for one caller and one question."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.tasks.known_task import TaskQuery
from meshgate.gateway.tasks.page_token import page_tokens

pytestmark = pytest.mark.requirement("tasks.listed", "tasks.page_token")
TAGS = TaskTags(bytes(32))
PLACE = (-1796040000.25, "t\u00e4sk~1")
TOKEN = page_tokens(TAGS, "acme", "asked").make(PLACE)


def test_a_token_is_read_where_and_for_whom_it_was_made() -> None:
    assert page_tokens(TaskTags(bytes(32)), "acme", "asked").read(TOKEN) == PLACE


@pytest.mark.parametrize(
    ("token", "tenant", "asked"),
    [
        (TOKEN, "bolt", "asked"),
        (TOKEN, "acme", "other"),
        (TOKEN[:-2], "acme", "asked"),
        ("A" + TOKEN[1:], "acme", "asked"),
        ("!" + TOKEN, "acme", "asked"),
        ("made-up", "acme", "asked"),
        ("\u00e9", "acme", "asked"),
        (page_tokens(TaskTags(b"o" * 32), "acme", "asked").make(PLACE), "acme", "asked"),
    ],
)
def test_any_other_token_is_refused_by_its_field(token: str, tenant: str, asked: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        page_tokens(TAGS, tenant, asked).read(token)
    what = "must be the nextPageToken of the same question, asked by the same caller"
    assert refused.value.violations == (("pageToken", what),)
    assert refused.value.message == f"pageToken {what}"


def test_a_question_is_another_one_if_anything_but_the_agents_differs() -> None:
    digests = {
        query.digest(owner)
        for owner in ("0a", "0b")
        for query in (TaskQuery(()), TaskQuery((), "c"), TaskQuery((), "", "c"), TaskQuery((), after=1.0))
    }
    assert len(digests) == 8
    assert TaskQuery(("echo",)).digest("0a") == TaskQuery(()).digest("0a")
