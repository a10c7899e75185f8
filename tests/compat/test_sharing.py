"""Gateways of the last release and of this tree on one registry: neither harms what the other keeps there."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from meshgate.a2a.errors import MeshError
from meshgate.sdk import Mesh
from tests.compat.contracts import BAD, GOOD, TOLD, weather
from tests.compat.releases import Release, SdkAgent
from tests.compat.rolling import Fleet, Site, fleet
from tests.contract.doors import soon
from tests.contract.scripts import Stage
from tests.support.gateway import GatewayProcess
from tests.support.servers import Consul

SWITCH = {"kind": "agent", "name": "forger", "reason": "it forges"}


@pytest.fixture(params=["file", pytest.param("consul", marks=pytest.mark.integration)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a registry."""
    if request.param == "file":
        return f"file://{tmp_path}/registry.db"
    consul: Consul = request.getfixturevalue("consul")
    return f"consul://127.0.0.1:{consul.port}?prefix=shared-{uuid.uuid4().hex[:6]}"


@pytest_asyncio.fixture
async def both(last: Release, registry: str, tmp_path: Path) -> AsyncGenerator[Fleet]:
    """A gateway of the last release, and one of this tree."""
    async with fleet(tmp_path, registry, last.gateway, GatewayProcess) as mesh:
        yield mesh


async def asked(site: Site, data: object) -> Any:
    """What the weather agent answers through a gateway, or the code of the error."""
    async with Mesh(site.run.gateway, site.run.client_key) as mesh:
        try:
            return (await mesh.call("forecast@*", data=data)).data
        except MeshError as error:
            return error.code


@pytest.mark.e2e
@pytest.mark.requirement("compat.newer")
async def test_a_contract_stands_while_gateways_that_know_of_none_write_to_its_registry_and_take_over(
    last: Release, both: Fleet, tmp_path: Path
) -> None:
    old, new = both.sites
    key = new.run.join_key
    async with weather(tmp_path, new.run.join, key).serve():
        await both.known("weather")
        assert [await asked(site, GOOD) for site in (old, new)] == [TOLD, TOLD]
        assert await asked(new, BAD) == "SCHEMA_VIOLATION"
        if not last.knows_contracts:
            assert await asked(old, BAD) == "INVALID_PARAMS"  # what the agent itself says
        agents = [SdkAgent("desk", "file", "1.0.0", old.run.join, key)]
        async with last.agents(agents, Stage(), tmp_path / "agents.log"):
            await both.known("desk", "weather")
        await both.admin(old, "POST", "kill", SWITCH)
        await both.switched(1)
        await both.admin(new, "POST", "lift", SWITCH)
        await both.switched(0)
        assert await asked(new, BAD) == "SCHEMA_VIOLATION"
        await new.stop()
        await new.start(last.gateway)
        await both.known("weather")
        assert [await asked(site, GOOD) for site in (old, new)] == [TOLD, TOLD]
        await new.stop()
        await new.start(GatewayProcess)
        await both.known("weather")
        assert await asked(new, GOOD) == TOLD
        assert await asked(new, BAD) == "SCHEMA_VIOLATION"


@pytest.mark.e2e
@pytest.mark.requirement("compat.newer")
async def test_a_contract_that_joined_at_an_old_gateway_holds_once_a_new_one_is_in_its_place(
    last: Release, tmp_path: Path
) -> None:
    async with fleet(tmp_path, f"file://{tmp_path}/registry.db", last.gateway, lease=3.0) as mesh:
        (site,) = mesh.sites
        async with weather(tmp_path, site.run.join, site.run.join_key).serve():
            await mesh.known("weather")
            assert await asked(site, GOOD) == TOLD
            await site.stop()
            await site.start(GatewayProcess)
            await mesh.known("weather")
            assert await asked(site, GOOD) == TOLD

            async def holds() -> bool:
                return bool(await asked(site, BAD) == "SCHEMA_VIOLATION")

            await soon(holds)
            assert await asked(site, GOOD) == TOLD
