"""Compatibility kits that are not ours find of an agent through the gateway what they find of it directly, and what the
page names.
"""

import json
import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.e2e.environments import Environment, Mesh
from tests.interop import builds
from tests.support.patience import patience
from tests.support.servers import answers, free_ports

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]

NAMED = {"transport.task_id_uuid_format"}
"""What the gateway does otherwise on purpose: an id of a task carries its owner."""
KITS = builds.HERE / "kits"


class Kits:
    """The kits, an agent of a2a-sdk's, and the ways to it."""

    def __init__(self, programs: Path, folder: Path, direct: str, through: str) -> None:
        self._programs, self._folder = programs, folder
        self.direct, self.through = direct, through

    def run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One run of a kit."""
        return subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "LANG": "C.UTF-8", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(300.0),
        )

    def failed(self, url: str, version: str) -> tuple[set[str], int]:
        """The contracts of a2a-testbed that failed, and how many passed."""
        report = self._folder / "report.json"
        told = ("--protocol-version", version, "--baseline", "none", "--no-step-summary")
        done = self.run("a2a-testbed", "conformance", url, *told, "--report", str(report))
        assert report.exists(), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(report.read_text())
        report.unlink()
        rows = found["results"]
        wrong = {row["id"] for row in rows if row["outcome"] not in ("pass", "skip")}
        return wrong, sum(row["outcome"] == "pass" for row in rows)


@contextmanager
def program(command: list[str | Path], log: Path, **variables: str) -> Generator["subprocess.Popen[bytes]"]:
    """A program that runs for as long as the block does."""
    with log.open("w") as told:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=told, stderr=told)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=patience())


def await_card(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a card is served."""
    for _ in range(int(patience(60.0) / 0.1)):
        if answers(url):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            break
    pytest.fail(f"nobody serves {url}")


@pytest.fixture(scope="module")
def kits(running: Mesh, gateway: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kits]:
    """The kits, once the agent is in the mesh."""
    try:
        (python, _) = builds.python("kits", at_least="3.12")
    except builds.Missing as remedy:
        unavailable(remedy)
    folder = tmp_path_factory.mktemp("kits")
    agent, direct, through = free_ports(3)
    with ExitStack() as stack:
        server = stack.enter_context(program([python, KITS / "agent.py", str(agent)], folder / "agent.log"))
        gate, client_key = running.run["gateway"], running.run["client_key"]
        for port, url, key in ((direct, f"http://127.0.0.1:{agent}", "none"), (through, gate, client_key)):
            command: list[str | Path] = [python, KITS / "keyed.py", str(port), url]
            stack.enter_context(program(command, folder / f"{port}.log", KEY=key))
        await_card(f"http://127.0.0.1:{direct}/.well-known/agent-card.json", server)
        told = gateway.ok("meshgate", "register", "--card", f"http://127.0.0.1:{agent}", "--name", "kit-echo", "--json")
        stack.callback(gateway.ok, "meshgate", "deregister", json.loads(told)["instance"])
        base = f"http://127.0.0.1:{through}"
        yield Kits(Path(python).parent, folder, f"http://127.0.0.1:{direct}", f"{base}/agents/kit-echo")


@pytest.mark.requirement("interop.kits")
@pytest.mark.parametrize("version", ["1.0", "0.3"])
def test_a2a_testbed_finds_nothing_but_what_is_named(kits: Kits, version: str) -> None:
    failed, passed = kits.failed(kits.through, version)
    assert (failed, passed > 40) == (NAMED, True)


@pytest.mark.requirement("interop.kits")
def test_a2a_testbed_finds_nothing_wrong_with_the_agent_itself(kits: Kits) -> None:
    failed, passed = kits.failed(kits.direct, "1.0")
    assert (failed, passed > 40) == (set(), True)


@pytest.mark.requirement("interop.kits")
@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
def test_a2a_proof_sees_no_difference(kits: Kits, tmp_path: Path, binding: str) -> None:
    contract = tmp_path / "proof.yaml"
    done = kits.run("a2a-proof", "init", kits.direct, "--output", str(contract), "--allow-cross-origin")
    assert done.returncode == 0, done.stdout + done.stderr
    told = ("diff", str(contract), "--against", kits.through, "--transport", binding, "--format", "json")
    done = kits.run("a2a-proof", *told)
    assert done.returncode == 0, done.stdout + done.stderr
