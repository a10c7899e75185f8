"""No agent is sent to a port of the mesh itself: a running gateway, and a join key."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from meshgate.gateway.process.server import DataPlane
from meshgate.registry.home import Run
from meshgate.registry.join import wire
from meshgate.registry.model import Endpoint, HealthCheck, Instance, Manifest
from tests.registry.virtual import until
from tests.support.whole import whole_gateway


def ports(run: Run, plane: DataPlane) -> dict[str, int]:
    """The ports of a gateway, by what they are for."""
    (row,) = plane.gateway.table.gateways
    found = {name: getattr(run, name) for name in ("gateway", "join", "admin")} | {"grpc": f"grpc://{run.grpc}"}
    found["inspect"] = row.instance.endpoints[0].url
    return {name: urlsplit(url).port or 0 for name, url in found.items()}


@pytest.mark.requirement("join.own_ports")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost"])
async def test_a_join_key_sends_nobody_to_a_port_of_the_mesh(tmp_path: Path, host: str) -> None:
    manifest = Manifest("spy", "1.0.0")
    async with whole_gateway(tmp_path) as (run, plane), httpx.AsyncClient(trust_env=False) as client:
        await until(lambda: plane.gateway.table.gateways)

        async def join(**where: Any) -> int:
            body = wire.encode_register(Instance("spy-1", "spy", manifest.digest(), **where), manifest)
            headers = {"authorization": f"Bearer {run.join_key}", "content-type": wire.PROTO}
            return (
                await client.post(f"{run.join}{wire.SERVICE_PATH}Register", content=body, headers=headers)
            ).status_code

        found = ports(run, plane)
        assert len(set(found.values())) == 5
        fine = (Endpoint("JSONRPC", f"http://{host}:9/"),)
        for port in found.values():
            url = f"http://{host}:{port}/"
            assert await join(endpoints=(Endpoint("JSONRPC", url),)) == 403
            assert await join(endpoints=(Endpoint("GRPC", f"{host}:{port}"),)) == 403
            assert await join(endpoints=fine, check=HealthCheck(url)) == 403
        assert await join(endpoints=fine) == 200
