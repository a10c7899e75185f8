"""A mesh that is started again: its agents find it, and their keys still hold."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.sdk import Agent, Mesh
from tests.support.patience import patience
from tests.support.whole import whole_gateway

pytestmark = pytest.mark.integration


@pytest.mark.requirement("sdk.restart")
async def test_an_agent_follows_a_gateway_that_was_started_again_on_other_ports(tmp_path: Path) -> None:
    quick = msgspec.structs.replace(DEFAULTS, join_retry=0.05, join_retry_max=0.1, lease=1.0)
    agent = Agent("echo", environ={"MESHGATE_HOME": str(tmp_path / "home")}, limits=quick)

    @agent.skill
    async def say(text: str) -> str:
        """Say it again."""
        return text

    async with AsyncExitStack() as stack:
        async with whole_gateway(tmp_path, limits={"lease": 1.0}) as (first, _):
            await stack.enter_async_context(agent.serve())
            async with Mesh(first.gateway, key=first.client_key) as mesh:
                assert (await mesh.call("say@*", text="one")).text == "one"
        async with whole_gateway(tmp_path, limits={"lease": 1.0}) as (second, plane):
            assert second.join != first.join
            back = asyncio.Event()
            plane.gateway.watcher.on_change.append(
                lambda delta: back.set() if any(one.instance.id == agent.instance for one in delta.put) else None
            )
            async with asyncio.timeout(patience()):
                if agent.instance not in plane.gateway.table.entries:
                    await back.wait()
            async with Mesh(second.gateway, key=first.client_key) as mesh:
                assert (await mesh.call("say@*", text="two")).text == "two"
            await stack.aclose()
