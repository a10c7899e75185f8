"""Consul is gone when a gateway starts again: contracts are checked by what is on the gateway's disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.registry import ConsulRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.schemas import Incompatible
from tests.conftest import StartConsul
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN
from tests.gateway.contracts.test_registry_away import refusal
from tests.gateway.control_plane import control_plane, proposal
from tests.support.patience import patience

pytestmark = pytest.mark.integration


@pytest.mark.requirement("schema.away")
async def test_consul_is_killed_and_a_gateway_that_starts_without_it_still_checks(
    own_consul: StartConsul, tmp_path: Path
) -> None:
    consul = own_consul(persistent=True)
    address = ConsulAddress(port=consul.port)
    registry = ConsulRegistry(address)
    async with control_plane(registry, tmp_path) as at:
        for version, text in (("1.0.0", FIRST), ("1.1.0", GROWN)):
            assert (await at.register(version, text)).status == 200
        await at.known("planner/plan", "1.0.0", "1.1.0")
        await at.saved()
    await registry.aclose()
    consul.kill()

    registry = ConsulRegistry(address)
    async with control_plane(registry, tmp_path) as at:
        await at.known("planner/plan", "1.0.0", "1.1.0")
        assert refusal(await at.register("1.2.0", BROKEN)) is Incompatible
        assert refusal(await at.register("1.2.0", GROWN)) is RegistryUnavailable
        verdict = (await at.ask("POST", "/planner/plan/check", proposal("1.2.0", BROKEN))).json
        assert (verdict["code"], verdict["stale"]) == ("INCOMPATIBLE", True)

        await asyncio.to_thread(consul.start)
        async with asyncio.timeout(patience(60.0)):
            while (await at.register("1.2.0", GROWN)).status != 200:  # noqa: ASYNC110 - until Consul elected itself
                await asyncio.sleep(0.25)
        await at.known("planner/plan", "1.0.0", "1.1.0", "1.2.0")
        verdict = (await at.ask("POST", "/planner/plan/check", proposal("1.3.0", BROKEN))).json
        assert (verdict["code"], verdict["stale"]) == ("INCOMPATIBLE", False)
    await registry.aclose()
