"""The wheel, the environments, and one mesh in them with one agent, for all tests of the session."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.e2e import environments
from tests.e2e.environments import APPS, Environment, Mesh
from tests.support.patience import patience

PORTS = ("--port", "0", "--grpc-port", "0", "--join-port", "0", "--admin-port", "0")
Make = Callable[..., Environment]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything of this session is."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    return environments.build_wheel(folder / "dist")


@pytest.fixture(scope="session")
def make(folder: Path) -> Make:
    """Makes an environment: `make("name", *requirements)`. Its mesh is the session's, unless told otherwise."""

    def made(name: str, *requirements: str, **variables: str) -> Environment:
        given = {"MESHGATE_HOME": str(folder / "home"), **variables}
        try:
            return environments.make(folder / name, *requirements, scratch=folder / f"{name}-files", variables=given)
        except environments.NoIndex as reason:
            unavailable(reason)

    return made


@pytest.fixture(scope="session")
def base(make: Make, wheel: Path) -> Environment:
    """The wheel and what it cannot do without."""
    return make("base", environments.from_wheel(wheel), PYTHONWARNINGS="error")


@pytest.fixture(scope="session")
def gateway(make: Make, wheel: Path) -> Environment:
    """The wheel with what a gateway wants."""
    return make("gateway", environments.from_wheel(wheel, "gateway,consul,otel"), PYTHONWARNINGS="error")


@pytest.fixture(scope="session")
def stub(make: Make) -> Environment:
    """gRPC, and A2A's generated code."""
    return make("grpc", *map(environments.locked, ("a2a-sdk", "googleapis-common-protos", "grpcio")))


@pytest.fixture(scope="session")
def a2a(make: Make) -> Environment:
    """The stock client."""
    return make("a2a", environments.locked("a2a-sdk[grpc,http-server]"))


@pytest.fixture(scope="session")
def curl() -> str:
    """The path of curl."""
    return shutil.which("curl") or unavailable("there is no curl: install it (apt install curl)")


@pytest.fixture(scope="session")
def running(gateway: Environment, folder: Path) -> Iterator[Mesh]:
    """A mesh that `meshgate up -d` started."""
    # Kits receive push notifications on this machine.
    gateway.ok("meshgate", "up", "-d", *PORTS, "--push-network", "127.0.0.0/8")
    try:
        found = Mesh.find(folder / "home")
        assert found is not None
        yield found
    finally:
        gateway.ok("meshgate", "down")
        assert Mesh.find(folder / "home") is None


@pytest.fixture(scope="session")
def mesh(running: Mesh, base: Environment, folder: Path) -> Iterator[Mesh]:
    """The mesh, once the agent has joined, which runs on the base install."""
    with (folder / "agent.log").open("w") as log:
        agent = subprocess.Popen(
            [base.programs / "python", APPS / "digest_agent.py"],
            env=base.environ,
            cwd=base.scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            await_instances(running, 1, agent)
            yield running
        finally:
            agent.terminate()
            assert agent.wait(timeout=patience()) == 0, (folder / "agent.log").read_text()


def await_instances(mesh: Mesh, count: int, agent: "subprocess.Popen[Any]") -> None:
    """Returns once that many instances have joined; the process must not end before."""
    for _ in range(int(patience(60.0) / 0.05)):
        if len(mesh.instances()) >= count:
            return
        try:
            agent.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"the agent did not join (exit code {agent.poll()})")
