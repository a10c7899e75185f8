"""Options by keyword: a misspelt name and a value of the wrong kind are refused wherever they are given."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.sdk import Agent, Budget, Context, Mesh
from meshgate.sdk.client.request import CallArguments
from meshgate.sdk.option_check import check_options
from tests.sdk.calls import send
from tests.sdk.ports import DONE, Gateways

pytestmark = pytest.mark.requirement("sdk.options")

MISSPELT = [
    ("deadlne", "has no option 'deadlne': did you mean 'deadline'?"),
    ("contextId", "has no option 'contextId': did you mean 'context_id'?"),
    ("budgets", "has no option 'budgets': did you mean 'budget'?"),
    ("zzz", "has no option 'zzz': there are deadline, budget, context_id, "),
]
WRONG: list[tuple[str, Any, str]] = [
    ("deadline", "abc", "deadline is a number of seconds, not 'abc'"),
    ("deadline", True, "deadline is a number of seconds, not True"),
    ("budget", 5, "budget is a Budget, such as Budget(calls=20, seconds=30), not 5"),
    ("budget", {"calls": 5}, "budget is a Budget, such as Budget(calls=20, seconds=30), not {'calls': 5}"),
    ("accept", "application/json", 'accept is a list of media types, such as ["application/json"], not \'appl'),
    ("metadata", ["a"], "metadata is a mapping, not ['a']"),
    ("text", 7, "text is a string, not 7"),
    ("raw", "yes", "raw is True or False, not 'yes'"),
    ("message", "hello", "message is a Message, or a list of parts, not 'hello'"),
    ("contract", "1.0.0", "contract is a Contract, not '1.0.0'"),
    ("schema_version", 1, "schema_version is a string, not 1"),
    ("skill", 1, "skill is a string, not 1"),
    ("task_id", 1, "task_id is a string, not 1"),
    ("context_id", "x" * 50, ""),
]


def test_each_argument_of_a_call_is_known() -> None:
    from meshgate.sdk.client import request

    assert set(request._NAMES) == set(CallArguments.__annotations__)  # pyright: ignore[reportPrivateUsage]


async def call(mesh: Mesh, **given: Any) -> None:
    options: Any = {"text": "hi", **given}
    await mesh.call("helper", **options)


async def stream(mesh: Mesh, **given: Any) -> None:
    options: Any = {"text": "hi", **given}
    mesh.stream("helper", **options)


@pytest.mark.parametrize("way", [call, stream])
async def test_a_call_refuses_what_it_does_not_know_and_sends_nothing(way: Any) -> None:
    gateways = Gateways(one=DONE)
    mesh = Mesh("http://one", "key", transport=gateways)
    for name, told in MISSPELT:
        with pytest.raises(TypeError) as refused:
            await way(mesh, **{name: 1})
        assert told in str(refused.value)
    for name, value, told in WRONG:
        if told:
            with pytest.raises(TypeError) as refused:
                await way(mesh, **{name: value})
            assert told in str(refused.value)
    assert gateways.seen == []
    await call(mesh, **dict.fromkeys(("deadline", "budget", "contract")))
    assert len(gateways.seen) == 1


@pytest.mark.parametrize("way", ["task", "cancel"])
async def test_an_operation_on_a_task_wants_a_number_of_seconds(way: str) -> None:
    mesh = Mesh("http://one", "key", transport=Gateways(one=DONE))
    with pytest.raises(TypeError, match="deadline is a number of seconds, not 'soon'"):
        await getattr(mesh, way)("t", deadline="soon")
    with pytest.raises(TypeError, match="deadline is a number of seconds, not 'soon'"):
        mesh.subscribe("t", deadline="soon")  # type: ignore[arg-type]


async def test_a_call_from_inside_a_skill_refuses_the_same() -> None:
    agent = Agent("demo", environ={})
    told: list[str] = []

    @agent.skill
    async def ask(text: str, ctx: Context) -> str:
        options: Any = {"text": text, "deadlne": 1}
        with pytest.raises(TypeError) as refused:
            await Mesh("http://one", "key").call("helper", **options)
        told.append(str(refused.value))
        with pytest.raises(TypeError) as refused:
            Mesh("http://one", "key").stream("helper", **options)
        told.append(str(refused.value))
        return "done"

    await send(agent, "x")
    assert told == [f"{name} has no option 'deadlne': did you mean 'deadline'?" for name in ("call()", "stream()")]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tag": ["a"]}, "has no option 'tag': did you mean 'tags'?"),
        ({"defualt": True}, "has no option 'defualt': did you mean 'default'?"),
        ({"default": "yes"}, "default is True or False, not 'yes'"),
        ({"reentrant": "2"}, "reentrant is a whole number, not '2'"),
        ({"labels": ["eu"]}, 'labels is a mapping, such as {"region": "eu"}, not [\'eu\']'),
        ({"cost_usd": "0.1"}, "cost_usd is a number, not '0.1'"),
        ({"owner": 1}, "owner is a string, not 1"),
        ({"task": 0}, "task is True or False, not 0"),
    ],
)
@pytest.mark.parametrize("decorator", ["skill", "tool"])
def test_a_skill_and_a_tool_refuse_what_they_do_not_know(decorator: str, options: dict[str, Any], told: str) -> None:
    agent = Agent("demo", environ={})

    async def shorten(text: str) -> str:
        return text

    with pytest.raises(TypeError) as refused:
        getattr(agent, decorator)(**options)(shorten)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"calls": "5"}, "a budget's calls are a number, not '5'"),
        ({"seconds": True}, "a budget's seconds are a number, not True"),
    ],
)
def test_a_budget_wants_numbers(given: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError) as refused:
        Budget(**given)
    assert str(refused.value) == told


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(TypeError) as refused:
        check_options("it", {"a": "x" * 100}, ("a",), {"a": (lambda value: False, "a number")})
    assert str(refused.value) == "a is a number, not '" + "x" * 38 + "…"
