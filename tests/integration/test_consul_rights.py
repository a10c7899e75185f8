"""A gateway whose Consul token may write and not read all: it says so, instead of answering NO_ROUTE to every call."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import StartConsul
from tests.integration.test_consul import limited_token
from tests.support.gateway import ROOT, GatewayProcess, environment
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.requirement("registry.degraded")]
WITHOUT_NODES = 'service_prefix "meshgate-" { policy = "write" } key_prefix "meshgate/" { policy = "write" }'


async def answered(url: str, wanted: Any) -> Any:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(patience(30.0)):
        while True:
            found = (await client.get(url)).json()
            if wanted(found):
                return found
            await asyncio.sleep(0.1)


async def test_a_token_without_node_read_is_named_by_readyz_doctor_and_log(
    own_consul: StartConsul, tmp_path: Path
) -> None:
    consul = own_consul(acl=True)
    token = await limited_token(consul, WITHOUT_NODES)
    flags = {"registry": consul.address.replace("http", "consul"), "consul_token": token, "limits": {"lease": 1.5}}
    process = GatewayProcess(tmp_path / "home", flags)
    run = await process.start()
    try:
        found = await answered(f"{run.gateway}/readyz", _is_degraded)
        assert found["status"] == "ok"
        assert "does not show it" in found["degraded"][0]
        admin = await answered(f"{run.admin}/readyz", _names_it)
        assert admin["status"] == "ok"
        environ = environment() | {"MESHGATE_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
        (tmp_path / "home" / "run.json").write_bytes(json.dumps({**_fields(run)}).encode())
        command = [sys.executable, "-m", "meshgate.cli", "doctor"]
        doctor = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert doctor.returncode == 1
        assert "does not show it" in " ".join(doctor.stdout.split())
        assert "own_row_not_seen" in process.tail()
    finally:
        await process.stop()


def _is_degraded(answer: dict[str, Any]) -> bool:
    return "degraded" in answer


def _names_it(answer: dict[str, Any]) -> bool:
    return "does not show it" in json.dumps(answer)


def _fields(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__struct_fields__}
