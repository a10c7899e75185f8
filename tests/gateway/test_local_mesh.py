"""The mesh for tests runs agents of the SDK's as they are: their skills, their contracts, and the calls they make."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from meshgate.a2a.errors import SchemaViolation
from meshgate.a2a.types import TaskState
from meshgate.registry.schemas import Incompatible
from meshgate.sdk import Agent, Context, Mesh, TaskFailed
from meshgate.testing import LocalMesh, text
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import elapsed, virtual_time

pytestmark = pytest.mark.requirement("testing.agents")


class Query(BaseModel):
    city: str = Field(min_length=1)


def planner() -> Agent:
    agent = Agent("planner", version="1.2.0")

    @agent.skill(default=True)
    async def plan(text: str, ctx: Context) -> str:
        return f"{text}: " + (await ctx.call("write@^1", text=text)).text

    @agent.skill
    async def plan_by_mesh(text: str) -> str:
        async with Mesh() as mesh:
            return (await mesh.call("writer", text=text)).text

    return agent


def writer(onward: str = "") -> Agent:
    agent = Agent("writer", version="1.0.0")

    @agent.skill
    async def write(text: str, ctx: Context) -> str:
        if onward:
            await ctx.call(onward, text=text)
        answer = await ctx.ask("in prose?") if text == "ask" else None
        return "prose" if answer is not None else text.upper()

    return agent


async def test_an_agent_that_calls_another_is_tested_without_a_port() -> None:
    async with LocalMesh() as mesh, mesh.caller() as caller:
        instance = await mesh.add(planner())
        await mesh.add(writer())
        assert mesh.gateway.table.entries[instance].manifest.version == "1.2.0"
        result = await caller.call("planner", text="sea")
        assert (result.text, result.instance) == ("sea: SEA", instance)
        job = mesh.gateway.answers.job(result.job)
        assert job is not None
        assert {(call.agent, call.skill, call.principal) for call in job.calls} == {
            ("planner", "plan", "user"),
            ("writer", "write", "agent:planner"),
        }
        by_mesh = await caller.call("planner", text="sea", skill="plan_by_mesh")
        second = mesh.gateway.answers.job(by_mesh.job)
        assert second is not None
        assert len(second.calls) == 2


async def test_agents_of_the_sdk_and_functions_are_in_one_mesh_and_a_loop_ends() -> None:
    async with LocalMesh() as mesh, mesh.caller() as caller:
        await mesh.add("echo", text("hello"))
        await mesh.add(writer("planner"))
        await mesh.add(planner())
        assert (await caller.call("echo", text="x")).text == "hello"
        with pytest.raises(TaskFailed) as failed:
            await caller.call("planner", text="sea")
        assert failed.value.cause is not None
        assert failed.value.cause.code == "LOOP"


async def test_streams_questions_and_tasks_work_as_over_a_network() -> None:
    async with LocalMesh() as mesh, mesh.caller() as caller:
        await mesh.add(writer())
        asked = await caller.call("writer", text="ask")
        assert (asked.state, asked.text) == (TaskState.INPUT_REQUIRED, "in prose?")
        assert asked.task is not None
        assert (await caller.call("writer", text="yes", task_id=asked.task.id)).text == "prose"
        kinds = [event.kind async for event in caller.stream("writer", text="x")]
        assert kinds == ["task", "artifact", "status"]


async def test_contracts_are_judged_as_when_an_agent_joins_and_hold(tmp_path: Path) -> None:
    def weather(kind: type, version: str) -> Agent:
        agent = Agent("weather", version=version, contracts=tmp_path / "lock.json", environ={})

        async def forecast(query: Query) -> str:
            return query.city

        forecast.__annotations__["query"] = kind
        agent.skill(forecast)
        return agent

    class Other(BaseModel):
        city: int

    Other.__name__ = Other.__qualname__ = "Query"
    async with LocalMesh() as mesh, mesh.caller() as caller:
        first = weather(Query, "1.0.0")
        first.lock()
        await mesh.add(first)
        assert (await caller.call("weather", data={"city": "Bern"})).text == "Bern"
        with pytest.raises(SchemaViolation):
            await caller.call("weather", data={"city": ""})
        with pytest.raises(Incompatible):
            await mesh.add(weather(Other, "1.1.0"))


async def test_an_agent_belongs_to_its_tenant_and_a_key_of_another_does_not_see_it() -> None:
    async with LocalMesh() as mesh:
        await mesh.add(writer(), tenant="acme")
        async with mesh.caller(mesh.client("ann", tenant="acme")) as caller:
            assert (await caller.call("writer", text="x")).text == "X"
        async with mesh.caller() as caller:
            with pytest.raises(Exception, match="no agent here answers to 'writer'"):
                await caller.call("writer", text="x")


@virtual_time
async def test_time_may_be_virtual_for_agents_too() -> None:
    agent = Agent("slow")

    @agent.skill
    async def wait(text: str) -> str:
        import asyncio

        await asyncio.sleep(40)
        return "done"

    async with virtual_mesh() as mesh:
        await mesh.add(agent)
        assert 40.0 <= await elapsed(mesh.call("slow")) < 41.0
