"""Calls that do not say all: agents with several skills called by name, and skills that several agents offer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from a2a.types import StreamResponse, TaskState

from meshgate.registry.home import Run
from meshgate.sdk import Agent, Mesh
from tests.support.stock_client import stock_client
from tests.support.whole import whole_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def many(run: Run) -> Agent:
    agent = Agent("many", join=run.join, join_key=run.join_key, environ={})

    @agent.skill
    async def shorten(text: str) -> str:
        """Shorten a text."""
        return text[:3]

    @agent.skill
    async def shout(text: str) -> str:
        """Say a text louder."""
        return text.upper()

    return agent


def helper(run: Run, name: str) -> Agent:
    agent = Agent(name, join=run.join, join_key=run.join_key, environ={})

    @agent.skill
    async def ask(text: str) -> str:
        """Answer."""
        return name

    return agent


async def last(events: AsyncIterator[StreamResponse]) -> tuple[str, str, str]:
    """The task's id, its last state and what it says: its artifacts' text, else its status's."""
    task, state, text, said = "", "", "", ""
    async for event in events:
        if event.HasField("task"):
            task, state = event.task.id, TaskState.Name(event.task.status.state)
            text += "".join(part.text for one in event.task.artifacts for part in one.parts)
            said = "".join(part.text for part in event.task.status.message.parts)
        if event.HasField("artifact_update"):
            text += "".join(part.text for part in event.artifact_update.artifact.parts)
        if event.HasField("status_update"):
            state = TaskState.Name(event.status_update.status.state)
            said = "".join(part.text for part in event.status_update.status.message.parts)
    return task, state, text or said


@pytest.mark.requirement("routing.agent_decides")
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "unary"])
@pytest.mark.parametrize("transport", ["JSONRPC", "GRPC"])
async def test_a_stock_client_that_names_no_skill_is_asked_which_one_it_means(
    tmp_path: Path, transport: str, streaming: bool
) -> None:
    async with (
        whole_gateway(tmp_path) as (run, _),
        many(run).serve(),
        stock_client(run.gateway, "many+grpc", run.client_key, transport, streaming=streaming) as client,
    ):
        task, state, said = await last(client.send("weather"))
        assert (state, said) == (
            "TASK_STATE_INPUT_REQUIRED",
            "Which skill do you mean? Answer with its name: shorten, shout",
        )
        again, state, said = await last(client.send("shout", task_id=task))
        assert (again, state, said) == (task, "TASK_STATE_COMPLETED", "WEATHER")


@pytest.mark.requirement("routing.agents_alike")
async def test_agents_that_offer_one_skill_share_its_calls_and_keep_their_conversations(tmp_path: Path) -> None:
    async with (
        whole_gateway(tmp_path) as (run, _),
        helper(run, "amy").serve(),
        helper(run, "ben").serve(),
        Mesh(run.gateway, key=run.client_key) as mesh,
    ):
        found = [await mesh.call("ask@*", text="hi") for _ in range(20)]
        assert {result.text for result in found} == {"amy", "ben"}
        for result in found:
            again = await mesh.call("ask@*", text="and?", context_id=result.context_id)
            assert again.text == result.text
