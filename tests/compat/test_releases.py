"""Callers, agents and commands of the last release with gateways of this tree, and the reverse.

The promises of the mesh itself are ``tests/contract``'s, which runs over both releases too (``old-sdk``,
``old-gateway``, ``mixed``); here is what no agent of that suite does: to call by the other release's SDK, and to give
its commands.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.compat.contracts import TOLD, weather
from tests.compat.releases import Release, SdkAgent
from tests.compat.rolling import MakeGateway, Site, fleet
from tests.contract.scripts import Stage
from tests.contract.sdkagent import scripted_agent
from tests.e2e.environments import Environment
from tests.support.gateway import GatewayProcess, environment

pytestmark = pytest.mark.e2e
_SAID: dict[str, Any] = {
    "calls": "hi",
    "streams": ["0", "1", "counted"],
    "works": ["WORKING", "CANCELED"],
    "asks": ["INPUT_REQUIRED", "this one"],
    "forecast": TOLD,
    "nobody": "NO_ROUTE",
    "missing": "TASK_NOT_FOUND",
    "loop": "LOOP",
}
"""What comes of the stories of ``calling``, whichever release acts them out."""


@pytest.fixture
def this(tmp_path: Path) -> Environment:
    """This tree, run as a release is."""
    return Environment(Path(sys.prefix), tmp_path, {"PYTHONPATH": environment()["PYTHONPATH"]})


@asynccontextmanager
async def one(folder: Path, make: MakeGateway, old_agent: Release | None) -> AsyncGenerator[Site]:
    """A mesh of one gateway, with an agent of one of the releases and one that has a contract."""
    async with fleet(folder, f"file://{folder}/registry.db", make) as mesh:
        (site,) = mesh.sites
        run, stage = site.run, Stage()
        wanted = SdkAgent("desk", "file", "1.0.0", run.join, run.join_key)
        desk = (
            old_agent.agents([wanted], stage, folder / "agents.log")
            if old_agent is not None
            else scripted_agent(
                wanted.name, wanted.skill, stage, version=wanted.version, join=run.join, join_key=run.join_key
            ).serve()
        )
        async with desk, weather(folder, run.join, run.join_key).serve():
            await mesh.known("desk", "weather")
            yield site


async def acted(environment: Environment, site: Site) -> dict[str, Any]:
    """What came of the stories; of a refusal its code."""
    command = "python", "-m", "tests.compat.calling", site.run.gateway, site.run.client_key, "desk"
    found: dict[str, Any] = json.loads(await asyncio.to_thread(environment.ok, *command))
    return {name: said["error"] if isinstance(said, dict) and "error" in said else said for name, said in found.items()}


@pytest.mark.requirement("compat.releases")
async def test_a_caller_of_the_last_release_is_served_by_this_gateway(last: Release, tmp_path: Path) -> None:
    async with one(tmp_path, GatewayProcess, last) as site:
        # To 0.1.0 what breaks a contract has a name that it does not know, under a number that it does.
        breach = "SCHEMA_VIOLATION" if last.knows_contracts else "INVALID_PARAMS"
        assert await acted(last.environment, site) == {**_SAID, "breach": breach}


@pytest.mark.requirement("compat.releases")
async def test_a_caller_of_this_tree_is_served_by_the_last_release(
    last: Release, this: Environment, tmp_path: Path
) -> None:
    async with one(tmp_path, last.gateway, None) as site:
        # A gateway of 0.1.0 enforces no contract, but the agent knows its own.
        breach = "SCHEMA_VIOLATION" if last.knows_contracts else "INVALID_PARAMS"
        assert await acted(this, site) == {**_SAID, "breach": breach}


COMMANDS: tuple[tuple[Sequence[str], str], ...] = (
    (("agents", "--instances"), "weather-"),
    (("explain", "forecast@^1"), "taken"),
    (("call", "forecast@^1", '{"city": "Oslo"}'), "21.5"),
    (("jobs",), "forecast@^1"),
    (("job", "last"), "weather.forecast@1.0.0"),
    (("kill", "agent", "forger", "--reason", "it forges"), ""),
    (("kill",), "it forges"),
    (("kill", "agent", "forger", "--lift"), ""),
    (("doctor",), "Nothing is wrong"),
)
"""Commands, and what they print of a mesh that has the weather agent."""


@pytest.mark.parametrize("gateway", ["this", "old"])
@pytest.mark.requirement("compat.releases")
async def test_commands_of_either_release_work_with_gateways_of_the_other(
    last: Release, this: Environment, tmp_path: Path, gateway: str
) -> None:
    make, commander = (GatewayProcess, last.environment) if gateway == "this" else (last.gateway, this)
    async with one(tmp_path, make, last) as site:
        home = replace(commander, variables={**commander.variables, "MESHGATE_HOME": str(site.home)})
        for command, expected in COMMANDS:
            printed = await asyncio.to_thread(home.ok, "meshgate", *command)
            assert expected in printed, (command, printed)
        if gateway == "old" and not last.knows_contracts:
            done = await asyncio.to_thread(home.run, "meshgate", "schema", "list")
            assert (done.returncode, "bring it up to date" in done.stderr) == (1, True), done.stderr
