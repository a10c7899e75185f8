"""Compatibility kits that are not ours find of an agent through the gateway what they find of it directly, and what the
page names.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.e2e.environments import Environment, Mesh
from tests.interop import builds
from tests.support.patience import patience
from tests.support.servers import Server, answers, free_ports

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]

NAMED = {
    "transport.task_id_uuid_format",
    "transport.push_set_persists",
    "transport.push_get_returns_config",
    "transport.push_list_returns_all",
    "transport.push_delete_removes",
}
"""What the gateway does otherwise on purpose: an id of a task carries its owner, and a push URL whose host has no
address is refused when it is given.
"""
KITS = builds.HERE / "kits"
CARD = "/.well-known/agent-card.json"


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


@pytest.fixture(scope="module")
def kits(running: Mesh, gateway: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kits]:
    """The kits, once the agent is in the mesh."""
    try:
        (python, _) = builds.python("kits", at_least="3.12")
    except builds.Missing as remedy:
        unavailable(remedy)
    folder = tmp_path_factory.mktemp("kits")
    agent, direct, through = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    gate, client_key = running.run["gateway"], running.run["client_key"]
    with ExitStack() as stack:
        for name, url, path, more in (
            ("agent", agent, CARD, ()),
            ("keyed", direct, CARD, (agent, "none")),
            ("keyed", through, "/livez", (gate, client_key)),
        ):
            port = url.rpartition(":")[2]
            command = [python, str(KITS / f"{name}.py"), port, *more]
            (folder / port).mkdir()
            stack.callback(Server(command, folder / port, partial(answers, url + path)).start().stop)
        told = gateway.ok("meshgate", "register", "--card", agent, "--name", "kit-echo", "--json")
        stack.callback(gateway.ok, "meshgate", "deregister", json.loads(told)["instance"])
        yield Kits(Path(python).parent, folder, direct, f"{through}/agents/kit-echo")


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
