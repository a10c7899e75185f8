"""The commands where only the extra ``gateway-core`` is installed: imports of everything else fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("install.core")
MISSING = (
    *("grpc", "a2a", "google.api", "google.rpc", "cel", "protovalidate", "cryptography"),
    *("consul", "opentelemetry.sdk", "opentelemetry.exporter"),  # FastAPI brings the API of OpenTelemetry
)
BLOCK = f"""
import sys
for name in {MISSING!r}:
    sys.modules[name] = None
"""
COMMAND = f"""{BLOCK}
from meshgate.cli import main
sys.exit(main(sys.argv[1:]))
"""
MESH = f"""{BLOCK}
import asyncio
from pydantic import BaseModel
from meshgate.a2a.errors import MeshError
from meshgate.gateway.process import server, supervisor  # what `meshgate up` runs
from meshgate.sdk import Agent
from meshgate.testing import LocalMesh

class City(BaseModel):
    name: str

plain, typed = Agent("plain"), Agent("typed", version="1.0.0", contracts=sys.argv[1])

@plain.skill
async def greet(name: str) -> str:
    "Greet somebody."
    return f"Hello, {{name}}!"

@typed.skill
async def find(city: City) -> City:
    "Find a city."
    return city

async def main():
    async with LocalMesh() as mesh, mesh.caller() as caller:
        await mesh.add(plain)
        print((await caller.call("greet@*", text="World")).text)
        try:
            await mesh.add(typed)
        except MeshError as error:
            print(error.code, error.message)

asyncio.run(main())
"""


def run(program: str, home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "MESHGATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_version_and_doctor_name_the_extra_and_what_it_goes_without(tmp_path: Path) -> None:
    assert run(COMMAND, tmp_path, "version").stdout.splitlines()[1] == "extras installed: gateway-core"
    findings = json.loads(run(COMMAND, tmp_path, "doctor", "--json").stdout)
    (extras,) = (one for one in findings if one["what"] == "extras")
    assert "a gateway here goes without gRPC, contracts of skills, credentials of foreign agents" in extras["detail"]
    assert extras["remedy"].startswith("pip install 'meshgate[gateway,consul,otel]' adds them")


def test_a_grpc_port_that_is_asked_for_is_refused_before_any_key_is_made(tmp_path: Path) -> None:
    done = run(COMMAND, tmp_path / "home", "up", "--grpc-port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: --grpc-port: gRPC is not installed here: pip install 'meshgate[gateway]'")
    assert not (tmp_path / "home").exists()


def test_a_mesh_runs_on_it_and_an_agent_with_a_contract_reads_what_is_missing(tmp_path: Path) -> None:
    done = run(MESH, tmp_path, str(tmp_path / "contracts.lock.json"))
    assert done.returncode == 0, done.stderr
    first, *_, last = (line for line in done.stdout.splitlines() if not line.startswith("20"))
    assert first == "Hello, World!"
    assert last.startswith("UNSUPPORTED_OPERATION this gateway is installed without contracts, and find has one")
    assert "pip install 'meshgate[gateway]'" in last
