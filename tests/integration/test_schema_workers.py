"""Contracts where a supervisor serves the join and admin ports, and workers the calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from meshgate.registry.join import wire
from tests.gateway.contracts.schemas import BROKEN, FIRST, contract, instance_of, manifest_of
from tests.gateway.control_plane import proposal
from tests.registry.schemas.build import compiled
from tests.support.gateway import GatewayProcess

pytestmark = pytest.mark.integration


@pytest.mark.requirement("schema.usage-mesh", "schema.check")
async def test_the_supervisor_judges_and_asks_every_worker(tmp_path: Path) -> None:
    process = GatewayProcess(tmp_path / "home", {"workers": 2})
    run = await process.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            manifest = manifest_of(contract())
            body = wire.encode_register(instance_of(manifest), manifest, images=[compiled(FIRST)])
            headers = {"authorization": f"Bearer {run.join_key}", "content-type": wire.PROTO}
            joined = await client.post(f"{run.join}{wire.SERVICE_PATH}Register", content=body, headers=headers)
            assert joined.status_code == 200

            at, admin = f"{run.admin}/api/v1/schemas/planner/plan", {"authorization": f"Bearer {run.admin_key}"}
            usage: dict[str, Any] = (await client.get(f"{at}/usage", headers=admin)).json()
            assert (len(usage["since"]), usage["missing"], usage["rows"]) == (2, [], [])
            verdict = (await client.post(f"{at}/check", json=proposal("1.1.0", BROKEN), headers=admin)).json()
            assert (verdict["code"], verdict["stale"]) == ("INCOMPATIBLE", False)
            changed = await client.put(f"{at}/settings", json={"mediation": "observe"}, headers=admin)
            assert changed.json()["mediation"] == "observe"
    finally:
        assert await process.stop() == 0
