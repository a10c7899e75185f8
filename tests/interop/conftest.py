"""One agent behind the gateway of the built wheel, and by itself; what each stock client saw of it, both ways."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.conftest import unavailable
from tests.e2e.conftest import folder, gateway, make, running, wheel
from tests.e2e.environments import Environment, Mesh
from tests.interop import builds
from tests.interop.clients import Client
from tests.interop.conversation import SAYS, UNKNOWN
from tests.interop.table import table
from tests.support.patience import patience

__all__ = ["SEEN", "Desk", "Saw", "Way", "desk", "folder", "gateway", "make", "running", "saw", "wheel"]

Tree = dict[str, Any]
Way = Literal["direct", "agent", "skill"]
"""To the agent itself, or through the gateway: by the agent's name, or by that of its default skill."""

Saw = Callable[[Client, Way], Tree]
SEEN = pytest.StashKey[dict[tuple[str, str], Tree]]()


class Desk:
    """The agents.

    Args:
        mesh: the mesh that they have joined.
        direct: their own addresses by name and binding, and their secret.
    """

    def __init__(self, mesh: Mesh, direct: Tree) -> None:
        self._mesh, self._direct = mesh, direct

    def asked(self, client: Client, way: Way) -> Tree:
        """What a client's program reads."""
        key = self._direct["key"] if way == "direct" else self._mesh.run["client_key"]
        cards = {
            "card": self._card("desk", "serve", client.binding, way),
            "herald": self._card("herald", "greet", client.binding, way),
        }
        cards["grpc"] = self._card("desk", "serve", "GRPC", way)
        return {**cards, "key": key, "binding": client.binding, "unknown": UNKNOWN, "says": SAYS}

    def _card(self, agent: str, skill: str, binding: str, way: Way) -> str:
        variant = "+grpc" if binding == "GRPC" else ""
        if way == "direct":
            return str(self._direct[agent][binding])
        place = f"agents/{agent}{variant}" if way == "agent" else f"skills/{skill}{variant}@^1,region=eu"
        return f"{self._mesh.run['gateway']}/{place}"


@pytest.fixture(scope="session")
def desk(running: Mesh, gateway: Environment, folder: Path) -> Iterator[Desk]:
    """The agents, once they have joined."""
    told = folder / "desk.json"
    with (folder / "desk.log").open("w") as log:
        agent = subprocess.Popen(
            [gateway.programs / "python", builds.HERE / "agent" / "desk.py", told],
            env=gateway.environ,
            cwd=gateway.scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            for _ in range(int(patience(60.0) / 0.05)):
                if told.exists() and len(running.instances()) >= 2:
                    break
                with suppress(subprocess.TimeoutExpired):
                    pytest.fail(
                        f"the agents ended with {agent.wait(timeout=0.05)}:\n{(folder / 'desk.log').read_text()}"
                    )
            yield Desk(running, json.loads(told.read_text()))
        finally:
            agent.terminate()
            assert agent.wait(timeout=patience()) == 0, (folder / "desk.log").read_text()


@pytest.fixture(scope="session")
def saw(desk: Desk, folder: Path, pytestconfig: pytest.Config) -> Saw:
    """What a client printed; each is run once each way."""
    seen = pytestconfig.stash.setdefault(SEEN, {})
    scratch = folder / "clients"
    scratch.mkdir()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "LANG": "C.UTF-8"}

    def see(client: Client, way: Way) -> Tree:
        if (client.id, way) not in seen:
            seen[client.id, way] = run(client, way)
        return seen[client.id, way]

    def run(client: Client, way: Way) -> Tree:
        try:
            command = client.build(client.folder)
        except builds.Missing as remedy:
            unavailable(remedy)
        done = subprocess.run(
            command,
            input=json.dumps(desk.asked(client, way)),
            capture_output=True,
            text=True,
            check=False,
            cwd=scratch,
            env=environ,
            timeout=patience(90.0),
        )
        assert done.returncode == 0, f"{client.id} ended with {done.returncode}, {way}:\n{done.stderr[-4000:]}"
        document: Tree = json.loads(done.stdout)
        return document

    return see


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of what the clients saw."""
    if seen := config.stash.get(SEEN, None):
        terminalreporter.write_sep("=", "stock clients")
        terminalreporter.write_line(table(seen))
