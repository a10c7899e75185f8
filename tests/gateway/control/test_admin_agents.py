"""The admin port's list of agents."""

from __future__ import annotations

import pytest

from meshgate.registry import MemoryRegistry
from meshgate.registry.model import Capability, Instance, Manifest
from tests.gateway.asgi import request
from tests.gateway.control_plane import control_plane
from tests.registry.virtual import until


@pytest.mark.parametrize("order", [("9.0.0", "10.0.0", "10.0.0-rc.1"), ("10.0.0", "10.0.0-rc.1", "9.0.0")])
async def test_an_agents_versions_are_in_their_order(order: tuple[str, ...]) -> None:
    registry = MemoryRegistry()
    for number, version in enumerate(order):
        manifest = Manifest("echo", version, skills=(Capability("say", version),))
        await registry.register(Instance(f"e{number}", "echo", manifest.digest(), lasting=True), manifest)
    async with control_plane(registry) as at:
        await until(lambda: len(at.table.entries) == len(order))
        headers = {"authorization": f"Bearer {at.admin_key}"}
        admin = at.admin
        answer = await request(admin, "GET", "/api/v1/agents", headers=headers)
        assert [one["versions"] for one in answer.json] == [["9.0.0", "10.0.0-rc.1", "10.0.0"]]
