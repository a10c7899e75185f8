"""An agent made with the project's SDK that acts scripts out."""

from __future__ import annotations

import json
from typing import Any

from meshgate.a2a.errors import MeshError
from meshgate.sdk import Agent, Context
from tests.contract.scripts import Received, Script, Stage, act

__all__ = ["scripted_agent"]


class _Role:
    def __init__(self, agent: Agent, context: Context) -> None:
        self._context = context
        self.received = Received(
            agent.name,
            agent.instance,
            dict(context.headers),
            tuple(context.message.reference_task_ids),
            context.task_id,
        )

    async def working(self) -> None:
        await self._context.progress("at work")

    async def chunk(self, text: str) -> None:
        await self._context.artifact(f"chunk-{text}", text)

    async def call(self, to: str, say: Script, *, keep: bool) -> dict[str, Any]:
        try:
            result = await self._context.call(to, text=json.dumps(say))
        except MeshError as error:
            return {"error": {"reason": error.code, "message": error.message, "metadata": error.metadata}}
        return {"text": result.text}


def scripted_agent(name: str, skill: str, stage: Stage, *, version: str, join: str, join_key: str) -> Agent:
    """An agent with one skill; it always hands its headers on."""
    agent = Agent(name, version=version, join=join, join_key=join_key, environ={})

    @agent.skill(name=skill, tags=["sdk"])
    async def perform(script: str, ctx: Context) -> str:
        """Act a script out."""
        told: Script = json.loads(script)
        if told["do"] == "ask":
            said = await ctx.ask("which one?")
            told = json.loads("".join(part.text for part in said.parts if isinstance(part.text, str)))
        return await act(told, _Role(agent, ctx), stage)

    return agent
