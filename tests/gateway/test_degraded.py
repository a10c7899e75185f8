"""A gateway that takes calls and has something wrong with its registry says so: readiness, status, metrics."""

# pyright: reportPrivateUsage=false
# What is wrong here is made so from inside.

from __future__ import annotations

from typing import Any

import pytest

from meshgate.registry.model import Delta
from meshgate.testing import LocalMesh
from tests.gateway.asgi import request

pytestmark = pytest.mark.requirement("registry.degraded")


async def ready(mesh: LocalMesh) -> tuple[int, Any]:
    answer = await request(mesh.gateway.ingress, "GET", "/readyz")
    return answer.status, answer.json


async def test_a_gateway_with_nothing_wrong_says_ok() -> None:
    async with LocalMesh() as mesh:
        await mesh.gateway.watcher.ready.wait()
        assert await ready(mesh) == (200, {"status": "ok"})
        assert mesh.gateway.answers.status().degraded == ()
        assert "meshgate_degraded 0.0" in mesh.gateway.answers.metrics()


async def test_what_is_wrong_is_told_and_calls_are_taken_all_the_same() -> None:
    async with LocalMesh() as mesh:
        await mesh.gateway.watcher.ready.wait()
        gateway = mesh.gateway
        gateway.own_row = "this gateway's own row in the registry cannot be written"
        gateway.watcher._usable(Delta(unread={"instances/a": "unreadable", "instances/b": "manifest"}))
        told = [gateway.own_row, "2 rows of the registry cannot be read, and are passed over"]
        assert await ready(mesh) == (200, {"status": "ok", "degraded": told})
        assert gateway.answers.status().degraded == tuple(told)
        assert "meshgate_degraded 2.0" in gateway.answers.metrics()


async def test_a_registry_that_is_away_is_told() -> None:
    async with LocalMesh() as mesh:
        await mesh.gateway.watcher.ready.wait()
        mesh.gateway.watcher._stale_since = mesh.gateway.clock() - 90.0
        status, told = await ready(mesh)
        assert (status, told["status"]) == (200, "ok")
        assert told["degraded"] == ["the registry has been out of reach for 90 s: what was last known is in force"]
