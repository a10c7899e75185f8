"""The console script of the built wheel, from `up` to `down`."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import PORTS
from tests.e2e.environments import Environment, Mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.requirement("wheel.commands")]


def test_agents_lists_the_agent_with_its_skills_and_its_instance(gateway: Environment, mesh: Mesh) -> None:
    (agent,) = json.loads(gateway.ok("meshgate", "agents", "--json"))
    assert (agent["agent"], agent["versions"], agent["foreign"]) == ("digest", ["2.3.1"], False)
    assert [name for name in ("sha256", "sha512") if name not in str(agent["skills"])] == []
    assert [one["id"] for one in agent["instances"]] == mesh.instances()
    assert "digest" in gateway.ok("meshgate", "agents")


def test_a_call_prints_its_result_and_leads_to_its_job(gateway: Environment, base: Environment, mesh: Mesh) -> None:
    done = base.run("meshgate", "call", "digest", "hello")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["job"] in done.stderr

    tree = json.loads(gateway.ok("meshgate", "job", answer["job"], "--json"))
    (root,) = tree["roots"]
    assert (root["call"]["id"], root["call"]["selector"]) == (answer["call"], "digest")
    shown = gateway.ok("meshgate", "job", "last")
    assert [one for one in (answer["job"], "digest.sha256@2.3.1", answer["instance"]) if one not in shown] == []


def test_a_selector_that_no_version_meets_is_unreachable_and_explained(
    gateway: Environment, base: Environment, mesh: Mesh
) -> None:
    done = base.run("meshgate", "call", "sha512@^2", "hello")
    assert (done.returncode, done.stdout) == (3, "")
    explained = gateway.run("meshgate", "explain", "sha512@^2")
    assert (explained.returncode, "1.4.0" in explained.stdout) == (3, True), explained


def test_the_doctor_finds_nothing_wrong(gateway: Environment, base: Environment, mesh: Mesh) -> None:
    for environment in (gateway, base):
        findings = json.loads(environment.ok("meshgate", "doctor", "--json"))
        assert [one for one in findings if one["state"] == "fail"] == []


def test_what_up_starts_down_ends(gateway: Environment, tmp_path: Path) -> None:
    own = Environment(gateway.folder, tmp_path, {"MESHGATE_HOME": str(tmp_path / "home")})
    said = own.ok("meshgate", "up", "-d", *PORTS)
    try:
        assert "mg_" not in said, "standard output is a pipe, so keys are in a file"
        assert str(tmp_path / "home" / "new-keys.json") in said
        run = json.loads((tmp_path / "home" / "run.json").read_text())
        assert run["gateway"] in said
        findings = json.loads(own.ok("meshgate", "doctor", "--json"))
        assert {one["detail"] for one in findings if one["what"] == "gateway" and one["state"] == "ok"}
    finally:
        own.ok("meshgate", "down")
    assert own.run("meshgate", "doctor").returncode == 3
    assert own.run("meshgate", "down").returncode == 3
