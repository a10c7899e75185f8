"""The extra ``gateway-core``: half the size, and what it cannot check it refuses."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import environments
from tests.e2e.conftest import Make, await_instances
from tests.e2e.environments import APPS, Environment, Mesh
from tests.e2e.test_base import importable
from tests.support.patience import patience

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.requirement("install.core")]
PORTS = ("--port", "0", "--join-port", "0", "--admin-port", "0")
LEFT_OUT = ("grpc", "a2a", "google.rpc", "cel", "protovalidate", "cryptography", "consul", "opentelemetry.sdk")
REMEDY = "pip install 'meshgate[gateway]'"


@pytest.fixture(scope="module")
def core(make: Make, wheel: Path, folder: Path) -> Environment:
    """The wheel with the extra, in a home of its own."""
    home = str(folder / "core-home")
    return make("core", environments.from_wheel(wheel, "gateway-core"), MESHGATE_HOME=home, PYTHONWARNINGS="error")


@pytest.fixture(scope="module")
def whole(make: Make, wheel: Path, folder: Path) -> Environment:
    """The wheel with everything that a gateway can have, in that home too."""
    return make("whole", environments.from_wheel(wheel, "gateway"), MESHGATE_HOME=str(folder / "core-home"))


@contextmanager
def running(environment: Environment, *flags: str) -> Generator[tuple[Mesh, str]]:
    """A mesh of this environment, and what its start said."""
    said = environment.ok("meshgate", "up", "-d", *PORTS, *flags)
    try:
        found = Mesh.find(Path(environment.variables["MESHGATE_HOME"]))
        assert found is not None
        yield found, said
    finally:
        environment.ok("meshgate", "down")


def agent(environment: Environment, name: str) -> "subprocess.Popen[str]":
    """An agent of the SDK's."""
    return environment.start("python", APPS / name)


def size(environment: Environment) -> int:
    """The bytes of all files that are installed in an environment."""
    (packages,) = environment.folder.glob("lib/python*/site-packages")
    return sum(path.stat().st_size for path in packages.rglob("*") if path.is_file() and not path.is_symlink())


def test_it_has_at_most_half_the_size(core: Environment, whole: Environment) -> None:
    small, large = size(core), size(whole)
    assert small / large <= 0.5, f"{small / 1e6:.1f} MB of {large / 1e6:.1f} MB"
    assert importable(core, *LEFT_OUT) == set()
    assert importable(whole, *LEFT_OUT) >= {"grpc", "cel", "protovalidate", "cryptography"}


def test_it_serves_an_agent_and_says_what_it_goes_without(core: Environment) -> None:
    with running(core) as (mesh, said):
        line = f"  without gRPC, contracts of skills, credentials of foreign agents, signed cards: {REMEDY} adds them"
        assert line in said.splitlines()
        assert not mesh.run.get("grpc")
        process = agent(core, "digest_agent.py")
        try:
            await_instances(mesh, 1, process)
            answer: dict[str, Any] = json.loads(core.ok("meshgate", "call", "sha512@1", "hello"))
            assert (answer["skill"], len(answer["digest"])) == ("sha512", 128)
            assert "digest.sha512@1.4.0" in core.ok("meshgate", "job", "last")
            core.ok("meshgate", "kill", "agent", "digest")
            assert core.run("meshgate", "call", "digest", "hello").returncode == 4
            core.ok("meshgate", "kill", "agent", "digest", "--lift")
        finally:
            process.terminate()
            process.communicate(timeout=patience())


def test_a_skill_with_a_contract_is_refused_and_its_agent_does_not_join(core: Environment, whole: Environment) -> None:
    with running(whole, "--grpc-port", "0") as (mesh, _):
        process = agent(core, "weather.py")
        await_instances(mesh, 1, process)
        assert "21.5" in core.ok("meshgate", "call", "weather", "--data", '{"city": "Bern"}')
    try:
        with running(core) as (mesh, _):
            await_instances(mesh, 1, process)
            done = core.run("meshgate", "call", "weather", "--data", '{"city": "Bern"}')
            assert (done.returncode, done.stdout) == (3, "")
            assert "UPSTREAM_UNAVAILABLE" in done.stderr
            assert "weather/forecast has a contract" in done.stderr
            assert REMEDY in done.stderr
            explained = core.run("meshgate", "explain", "weather")
            assert (explained.returncode, "without contracts" in explained.stdout) == (3, True), explained.stdout
            process.terminate()
            process.communicate(timeout=patience())
            process = agent(core, "weather.py")
            said = "".join(process.communicate(timeout=patience()))
            assert process.returncode != 0
            assert REMEDY in said
            assert "Traceback" not in said
    finally:
        process.kill()
        process.communicate()


def test_a_grpc_port_that_is_asked_for_names_the_extra(core: Environment) -> None:
    done = core.run("meshgate", "up", "--grpc-port", "0")
    assert (done.returncode, REMEDY in done.stderr) == (2, True)
