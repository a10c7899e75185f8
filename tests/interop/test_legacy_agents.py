"""Agents that the Python SDK of A2A 0.3 serves, registered by their card: clients of 1.0 and 0.3 call them."""

import json
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.e2e.environments import Environment, Mesh
from tests.interop import builds
from tests.interop.clients import CLIENTS, Client
from tests.interop.conversation import BOOKED, GREETING, QUESTION, RECEIVED, SAYS, UNKNOWN
from tests.support.patience import patience
from tests.support.servers import answers

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]  # with a cold cache the first of a language builds

Tree = dict[str, Any]
BINDINGS = ("JSONRPC", "GRPC")
AGENTS = ("desk", "herald")
CALLERS = [client for client in CLIENTS if client.folder in {"python", "javascript", "python_0_3", "javascript_0_3"}]
PAIRS = [
    pytest.param(client, binding, id=f"{client.id}-{binding.lower()}")
    for client in CALLERS
    for binding in BINDINGS
    # Over gRPC JavaScript's SDK of 0.3 sends the bytes of a file, and Python's reads base64 there; nothing is converted
    # between two of 0.3.
    if (client.id, binding) != ("javascript_0_3-grpc", "GRPC")
]


@dataclass(frozen=True)
class Stage:
    """A mesh with the agents in it, and a place for what clients write."""

    mesh: Mesh
    gateway: Environment
    folder: Path

    def asked(self, client: Client, binding: str) -> Tree:
        """What a client's program reads, to call the agents that speak that binding."""
        cards = {
            name: f"{self.mesh.run['gateway']}/agents/{named(agent, binding)}{variant}"
            for name, agent, variant in (
                ("card", "desk", "+grpc" if client.binding == "GRPC" else ""),
                ("herald", "herald", "+grpc" if client.binding == "GRPC" else ""),
                ("grpc", "desk", "+grpc"),
            )
        }
        key = self.mesh.run["client_key"]
        return {**cards, "key": key, "binding": client.binding, "unknown": UNKNOWN, "says": SAYS}


def named(agent: str, binding: str) -> str:
    """The name of an agent in the mesh."""
    return f"{agent}-of-0-3-{binding.lower()}"


@pytest.fixture(scope="module")
def stage(running: Mesh, gateway: Environment, folder: Path) -> Iterator[Stage]:
    """The mesh, once each agent is registered."""
    try:
        python, _ = builds.python("python_0_3")
    except builds.Missing as remedy:
        unavailable(remedy)
    place = folder / "legacy"
    place.mkdir()
    with ExitStack() as stack:
        for binding in BINDINGS:
            for agent in AGENTS:
                url = stack.enter_context(serving(python, binding, agent, place))
                told = gateway.ok("meshgate", "register", "--card", url, "--name", named(agent, binding), "--json")
                stack.callback(gateway.ok, "meshgate", "deregister", json.loads(told)["instance"])
        yield Stage(running, gateway, place)


@contextmanager
def serving(python: str, binding: str, agent: str, place: Path) -> Generator[str]:
    """The URL of an agent, for as long as the block runs."""
    told, log = place / f"{named(agent, binding)}.url", place / f"{named(agent, binding)}.log"
    program = builds.HERE / "python_0_3" / "agent.py"
    with log.open("w") as written:
        process = subprocess.Popen(
            [python, program, binding, told, agent], stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )
        try:
            for _ in range(int(patience(60.0) / 0.05)):
                if told.exists() and answers(f"{told.read_text()}/.well-known/agent-card.json"):
                    break
                with suppress(subprocess.TimeoutExpired):
                    pytest.fail(f"the agent ended with {process.wait(timeout=0.05)}:\n{log.read_text()}")
            yield told.read_text()
        finally:
            process.terminate()
            process.wait(timeout=patience())


Hear = Callable[[Client, str], Tree]


@pytest.fixture(scope="module")
def hear(stage: Stage) -> Hear:
    """What a client printed that talked with the agents of one binding."""

    def run(client: Client, binding: str) -> Tree:
        try:
            command = client.build(client.folder)
        except builds.Missing as remedy:
            unavailable(remedy)
        done = subprocess.run(
            command,
            input=json.dumps(stage.asked(client, binding)),
            capture_output=True,
            text=True,
            check=False,
            cwd=stage.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(stage.folder), "LANG": "C.UTF-8"},
            timeout=patience(90.0),
        )
        assert done.returncode == 0, f"{client.id} ended with {done.returncode}:\n{done.stderr[-4000:]}"
        document: Tree = json.loads(done.stdout)
        return document

    return run


@pytest.mark.requirement("interop.legacy_agents")
@pytest.mark.parametrize(("client", "binding"), PAIRS)
def test_an_agent_of_0_3_is_called_like_one_of_1_0(hear: Hear, client: Client, binding: str) -> None:
    document = hear(client, binding)
    heard = client.read(document)

    assert heard.unary == "HELLO"
    assert heard.stream == ["1 ", "2 ", "3 "]
    assert heard.message == [GREETING, GREETING]
    assert heard.turns == [QUESTION, BOOKED]
    assert heard.received == list(client.received)
    assert heard.get == "TASK_STATE_COMPLETED"
    assert heard.kept == "HELLO"
    assert heard.cancel == ["TASK_STATE_WORKING", "TASK_STATE_CANCELED", "TASK_STATE_CANCELED"]
    assert heard.failed == "TASK_STATE_FAILED"
    unlike = {
        name: document["errors"][name] for name in client.meets if not client.knows(name, document["errors"][name])
    }
    assert unlike == {}


@pytest.mark.requirement("interop.legacy_agents")
@pytest.mark.parametrize("binding", BINDINGS)
def test_mesh_calls_an_agent_of_0_3(stage: Stage, binding: str) -> None:
    asked = {"to": named("desk", binding), "says": SAYS}
    told = json.loads(stage.gateway.ok("python", builds.HERE / "agent" / "caller.py", stdin=json.dumps(asked)))
    assert told == {
        "unary": "HELLO",
        "received": RECEIVED,
        "stream": ["1 ", "2 ", "3 "],
        "asked": QUESTION,
        "answered": BOOKED,
        "read": "TASK_STATE_COMPLETED",
        "cancelled": ["TASK_STATE_WORKING", "TASK_STATE_CANCELED"],
        "failed": "the desk does not know the word 'nonsense'",
    }
