"""The comparison notices what it has to, and no more."""

from typing import Any

import pytest

from tests.interop.comparison import NOTHING, Difference, differences, exempts

Tree = dict[str, Any]


def test_ids_are_compared_by_which_of_them_are_equal() -> None:
    one: Tree = {"unary": {"id": "a", "taskId": "a", "contextId": "b"}}
    assert differences(one, {"unary": {"id": "x", "taskId": "x", "contextId": "y"}}) == []
    assert differences(one, {"unary": {"id": "x", "taskId": "z", "contextId": "y"}}) != []


def test_times_may_differ_but_must_be_there() -> None:
    assert differences({"get": {"timestamp": "1"}}, {"get": {"timestamp": "2"}}) == []
    found = differences({"get": {"timestamp": "1", "n": 1}}, {"get": {"n": 1}})
    assert found == [Difference("get.timestamp", "a time", NOTHING)]


def test_the_names_of_skills_in_a_card_are_no_ids() -> None:
    found = differences({"card": {"skills": [{"id": "a"}]}}, {"card": {"skills": [{"id": "b"}]}})
    assert found == [Difference("card.skills.a.id", "a", NOTHING), Difference("card.skills.b.id", NOTHING, "b")]


@pytest.mark.parametrize(
    ("direct", "through"),
    [(3, 3.0), (3, "3"), (None, "None"), ("", None), ([], {}), ([1], [1, 2]), (True, 1), ({"a": {}}, {"a": {"b": 1}})],
)
def test_whatever_else_differs_is_told_and_allowed_by_no_exception(direct: Any, through: Any) -> None:
    found = differences({"get": {"value": direct}}, {"get": {"value": through}})
    assert found
    assert [exempts(one, "agent") for one in found] == [None] * len(found)


def test_an_exception_allows_only_what_it_names() -> None:
    assert (
        exempts(
            Difference("card.supportedInterfaces.0.url", "http://127.0.0.1:1/", "http://127.0.0.1:2/agents/desk"),
            "agent",
        )
        is not None
    )
    assert exempts(Difference("card.supportedInterfaces.0.url", "http://127.0.0.1:1/", NOTHING), "agent") is None
    assert exempts(Difference("card.supportedInterfaces.1.tenant", NOTHING, "desk"), "agent") is not None
    assert exempts(Difference("card.supportedInterfaces.1.tenant", "desk", NOTHING), "agent") is None
    assert exempts(Difference("unary.0.task.artifacts.0.parts.0.text", "HELLO", "hello"), "agent") is None


def test_the_card_of_a_skill_alone_may_list_less() -> None:
    less = Difference("card.skills.count.name", "count", NOTHING)
    assert exempts(less, "skill") is not None
    assert exempts(less, "agent") is None
    assert exempts(Difference("card.skills.serve.name", "serve", "other"), "skill") is None
