"""A gateway process that has just started knows no task; its agents do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.errors import MeshError
from meshgate.registry.home import Run
from meshgate.sdk import Agent, FileTasks, Mesh
from tests.contract.doors import soon
from tests.support.gateway import GatewayProcess

pytestmark = pytest.mark.integration


def ports_of(run: Run) -> dict[str, Any]:
    """The ports of a gateway that ends, for the next one."""
    urls = {"port": run.gateway, "join_port": run.join, "admin_port": run.admin, "grpc_port": run.grpc}
    return {name: int(url.rpartition(":")[2]) for name, url in urls.items()}


@pytest.mark.requirement("tasks.from_agents")
async def test_a_new_gateway_lists_what_agents_keep_under_the_ids_that_the_last_one_gave(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = GatewayProcess(home, {"limits": {"heartbeat": 0.1}})
    run = await first.start()
    agent = Agent("desk", store=FileTasks(tmp_path / "tasks.db"), join=run.join, join_key=run.join_key, environ={})

    @agent.skill(default=True)
    async def say(text: str) -> str:
        return text

    async with agent.serve(), Mesh(run.gateway, run.client_key) as mesh:
        done = [await mesh.call("desk", text=text, context_id=text) for text in ("trip", "fair")]
        made = [one.task for one in done if one.task is not None]
        assert await first.stop() == 0
        second = GatewayProcess(home, {"limits": {"heartbeat": 0.1}, **ports_of(run)})
        try:
            await second.start()

            async def joined() -> bool:
                try:
                    return bool([task async for task in mesh.tasks()])
                except MeshError:
                    return False

            await soon(joined)
            found = [task async for task in mesh.tasks("desk", context_id="trip", artifacts=True)]
            assert [(task.id, task.context_id) for task in found] == [(made[0].id, "trip")]
            assert found[0].artifacts[0].parts[0].text == "trip"
            assert {task.id async for task in mesh.tasks(page_size=1)} == {task.id for task in made}
            for task in made:
                assert (await mesh.task(task.id)).id == task.id
        finally:
            assert await second.stop() == 0
