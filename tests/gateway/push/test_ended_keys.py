"""Who has no key any more is told no more of its tasks."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.gateway.push.sender import Outcome, PushSender
from meshgate.sdk import Agent, Context
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time


@pytest.mark.requirement("push.standing")
@virtual_time
async def test_a_caller_whose_key_has_ended_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bytes] = []

    async def keep(self: PushSender, config: TaskPushNotificationConfig, body: bytes, agent: str) -> Outcome:
        told.append(body)
        return "sent"

    monkeypatch.setattr(PushSender, "send", keep)
    agent = Agent("writer", version="1.0.0")

    @agent.skill(task=True)
    async def write(text: str, ctx: Context) -> str:
        for _ in range(4):
            await asyncio.sleep(1.0)
            await ctx.progress("on it")
        return text

    async with virtual_mesh(push_networks=("127.0.0.0/8",)) as mesh:
        await mesh.add(agent)
        key = mesh.client("leaver")
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
        wishes = {"returnImmediately": True, "taskPushNotificationConfig": {"url": "http://127.0.0.1:1/"}}
        reply = await mesh.read(mesh.call_of({"message": message, "configuration": wishes}, "writer", key=key))
        task = reply.events[0].tree()["task"]["id"]
        await asyncio.sleep(1.5)
        before = len(told)
        assert before >= 1
        mesh.keys.replace([record for record in mesh.keys.records() if record.name != "leaver"])
        fed = mesh.gateway.feeds.fed(task)
        await asyncio.sleep(1.5)
        # The task goes on for a second and more; nobody reads its stream any longer.
        assert fed is not None
        assert fed.work is not None
        assert fed.work.done()
        await asyncio.sleep(10.0)
        assert len(told) == before
        assert mesh.gateway.feeds.of(task) == []
