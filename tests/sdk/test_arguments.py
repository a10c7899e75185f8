"""Numbers that authors and callers pass: none of them can be infinite or no number."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.sdk import Agent, Budget, Context, Mesh
from meshgate.sdk.arguments import check_number
from tests.sdk.calls import send

NOT_FINITE = pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])


def test_a_number_within_its_bounds_is_given_back() -> None:
    assert [check_number("weight", value, most=1000.0) for value in (0.0, 0.5, 1000.0)] == [0.0, 0.5, 1000.0]


@pytest.mark.parametrize("value", [-0.1, 1000.1, math.inf, -math.inf, math.nan])
def test_a_number_out_of_its_bounds_is_refused_by_its_name(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^weight is a finite number from 0 to 1000, not {value}$"):
        check_number("weight", value, most=1000.0)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1.0])
def test_an_agents_weight_is_a_share(value: float) -> None:
    with pytest.raises(ValueError, match=r"^weight is a finite number"):
        Agent("a", weight=value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1])
@pytest.mark.parametrize("name", ["cost_usd", "latency", "reentrant"])
def test_what_a_skill_is_estimated_to_take_is_finite(name: str, value: float) -> None:
    agent = Agent("a")
    given: dict[str, Any] = {name: value}

    async def shorten(text: str) -> str:
        return text

    with pytest.raises(ValueError, match=rf"^{name} is a finite number"):
        agent.skill(**given)(shorten)


@NOT_FINITE
def test_a_budget_is_finite(value: float) -> None:
    calls: Any = value
    with pytest.raises(ValueError, match="calls are a number of 1 or more"):
        Budget(calls=calls)
    with pytest.raises(ValueError, match="seconds are a finite number above 0"):
        Budget(seconds=value)


@NOT_FINITE
async def test_a_deadline_is_finite(value: float) -> None:
    async with Mesh("http://127.0.0.1:1", "key") as mesh:
        problem = f"^deadline is a finite number of seconds, not {value}: leave it out instead$"
        with pytest.raises(InvalidParams, match=problem):
            await mesh.call("a", text="x", deadline=value)
        with pytest.raises(InvalidParams, match=problem):
            mesh.stream("a", text="x", deadline=value)
        with pytest.raises(InvalidParams, match=problem):
            await mesh.task("t", deadline=value)
        with pytest.raises(InvalidParams, match=problem):
            await mesh.cancel("t", deadline=value)
        with pytest.raises(InvalidParams, match=problem):
            mesh.subscribe("t", deadline=value)


@NOT_FINITE
async def test_a_drain_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match=r"^drain is a finite number of 0 or more"):
        await Agent("a").aclose(drain=value)


@NOT_FINITE
@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "cost_usd", "tool_calls"])
async def test_reported_usage_is_finite(name: str, value: float) -> None:
    agent = Agent("a")
    given: dict[str, Any] = {name: value}

    @agent.skill
    async def work(text: str, ctx: Context) -> str:
        with pytest.raises(ValueError, match=rf"^{name} is a finite number"):
            ctx.usage(**given)
        return text

    task = await send(agent, "refused")
    assert (task.status.state, task.artifacts[0].parts[0].text, task.metadata) == (
        "TASK_STATE_COMPLETED",
        "refused",
        {},
    )


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "-1", "soon"])
async def test_a_deadline_in_a_header_is_finite(text: str) -> None:
    agent = Agent("a")

    @agent.skill
    async def work(text: str) -> str:
        return text

    with pytest.raises(InvalidParams, match=rf"^the header meshgate-deadline is a number of seconds, not '{text}'$"):
        await send(agent, "x", deadline=text)
