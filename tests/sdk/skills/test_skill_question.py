"""Called by its name alone, an agent with several skills finds out which is meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import Message, Part, Role, Task, TaskState
from meshgate.sdk import Agent, Context
from tests.sdk.calls import answer, make_call, said_by, saying, send, text_of

pytestmark = pytest.mark.requirement("routing.agent_decides")


class Order(BaseModel):
    item: str


@pytest.fixture
def agent() -> Agent:
    """An agent with two skills that take text, one that takes data, one that takes nothing, and a tool."""
    made = Agent("demo")

    @made.skill
    async def shorten(text: str, ctx: Context) -> str:
        await ctx.artifact("note", ctx.skill)
        return text[:3]

    @made.skill
    async def spell(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield f"{letter}-"

    @made.skill
    async def order(order: Order) -> Order:
        return Order(item=order.item.upper())

    @made.skill(task=False)
    async def wave() -> Message:
        return Message("m", Role.AGENT, [Part(text="hello")])

    @made.tool
    async def add(first: int, second: int) -> int:
        return first + second

    return made


async def go_on(agent: Agent, task: Task, text: str, **more: Any) -> Task:
    return await send(agent, text, skill="*", taskId=task.id, **more)


@pytest.mark.parametrize("skill", ["", "*"])
async def test_the_only_skill_that_takes_the_message_is_meant(agent: Agent, skill: str) -> None:
    task = await send(agent, data={"item": "tea"}, skill=skill)
    assert task.artifacts[0].parts[0].data == {"item": "TEA"}
    assert task.artifacts[0].name == "order"


async def test_where_several_take_it_the_caller_is_asked_and_its_answer_names_one(agent: Agent) -> None:
    task = await send(agent, "weather")
    assert task.status.state is TaskState.INPUT_REQUIRED
    assert said_by(task) == "Which skill do you mean? Answer with its name: shorten, spell"
    done = await go_on(agent, task, " Shorten\n")
    assert done.status.state is TaskState.COMPLETED
    assert [one.parts[0].text for one in done.artifacts] == ["shorten", "wea"], "the input is what was sent first"


async def test_an_answer_may_name_the_skill_in_its_metadata_and_chunks_come_as_the_skill_gives_them(
    agent: Agent,
) -> None:
    task = await send(agent, "abc")
    done = await go_on(agent, task, "that one", metadata={"meshgate/skill": "spell"})
    assert text_of(done) == "a-b-c-"


async def test_who_names_none_is_asked_three_times_and_then_rejected(agent: Agent) -> None:
    task = await send(agent, "abc")
    for _ in range(2):
        task = await go_on(agent, task, "the good one")
        assert task.status.state is TaskState.INPUT_REQUIRED
        assert said_by(task) == "This agent has no such skill. Answer with one of these names: shorten, spell"
    task = await go_on(agent, task, "add")
    assert task.status.state is TaskState.REJECTED
    assert said_by(task) == "no skill was named; there are shorten, spell"


async def test_a_skill_that_takes_nothing_is_meant_only_where_no_other_takes_the_message(agent: Agent) -> None:
    answered = await answer(agent, make_call("SendMessage", saying(parts=[{"url": "https://example.org/a.png"}])))
    assert answered.message.parts[0].text == "hello"


async def test_what_no_skill_takes_is_refused_with_their_names() -> None:
    agent = Agent("demo")

    @agent.skill
    async def first(order: Order) -> str:
        return order.item

    @agent.skill
    async def second(order: Order) -> str:
        return order.item

    with pytest.raises(InvalidParams) as refused:
        await send(agent, "hello")
    assert refused.value.message == "no skill takes this message: call one of first, second"
    with pytest.raises(InvalidParams, match="there is no skill 'third': call one of first, second"):
        await send(agent, "hello", skill="third")


async def test_an_agent_of_tools_alone_asks_which_of_them() -> None:
    agent = Agent("demo")

    @agent.tool
    async def up(text: str) -> str:
        return text.upper()

    @agent.tool
    async def down(text: str) -> str:
        return text.lower()

    task = await send(agent, data={"text": "Hello"})
    done = await go_on(agent, task, "up")
    assert done.artifacts[0].parts[0].text == "HELLO"
