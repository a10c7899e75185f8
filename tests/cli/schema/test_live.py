"""The commands about contracts against a real mesh: a gateway, and an agent whose two releases have joined."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import PORTS, Shell
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

EVOLUTION = Path(__file__).parents[3] / "examples" / "evolution"
SUBJECT = "weather/forecast"
PROGRAM = """
import asyncio, sys
from meshgate.sdk import Mesh
from weather_client import Query, forecast

async def main():
    async with Mesh() as mesh:
        print((await forecast(mesh, Query(city=sys.argv[1]))).temp_c)

asyncio.run(main())
"""


def lock(release: str) -> str:
    return str(EVOLUTION / release / "contracts.lock.json")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("mesh") / "home")
    shell.ok("up", "--detach", *PORTS)
    agents: list[subprocess.Popen[bytes]] = []
    with (shell.home / "agent.log").open("w") as log:
        try:
            for release in ("v1_0", "v1_1"):
                given = [sys.executable, str(EVOLUTION / release / "agent.py")]
                environ = {**shell.environ, "MESHGATE_CONTRACTS": "frozen"}
                agents.append(subprocess.Popen(given, env=environ, stdout=log, stderr=log))
            for _ in range(60):
                if (
                    len(json.loads(shell.run("schema", "show", SUBJECT, "--json").stdout or "{}").get("releases", []))
                    == 2
                ):
                    break
            else:
                pytest.fail((shell.home / "agent.log").read_text())
            yield shell
        finally:
            for agent in agents:
                agent.terminate()
                agent.wait()
            shell.run("down")


@pytest.fixture(scope="module")
def client(shell: Shell) -> Path:
    """A program that calls release 1.0.0 with what ``codegen`` wrote."""
    (shell.home.parent / "weather_client.py").write_text(shell.ok("schema", "codegen", SUBJECT, "--version", "1.0.0"))
    path = shell.home.parent / "program.py"
    path.write_text(PROGRAM)
    return path


def called(shell: Shell, client: Path, city: str) -> subprocess.CompletedProcess[str]:
    given = [sys.executable, str(client), city]
    return subprocess.run(given, env=shell.environ, capture_output=True, text=True, check=False, timeout=patience(60.0))


def answer(shell: Shell, *arguments: str, code: int = 0) -> Any:
    done = shell.run("schema", *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


# -- check


@pytest.mark.requirement("cli.schema.mesh")
def test_a_release_that_goes_with_the_mesh_is_fine_and_is_not_registered_by_that(shell: Shell) -> None:
    (one,) = answer(shell, "check", lock("v1_2"), "--agent", "weather")["checked"]
    assert (one["subject"], one["version"], one["compatible"]) == (SUBJECT, "1.2.0", True)
    assert [each["version"] for each in answer(shell, "show", SUBJECT)["releases"]] == ["1.0.0", "1.1.0"]


@pytest.mark.requirement("cli.schema.mesh")
def test_what_is_registered_already_goes_with_the_mesh(shell: Shell) -> None:
    assert answer(shell, "check", lock("v1_0"))["compatible"]


@pytest.mark.requirement("cli.schema.mesh")
def test_a_release_that_breaks_the_contract_is_told_why(shell: Shell) -> None:
    (one,) = answer(shell, "check", lock("v2_0"), "--version", "1.3.0", code=1)["checked"]
    assert one["code"] == "INCOMPATIBLE"
    assert {told["path"].rpartition(".")[2] for told in one["violations"]} == {"wind_dir", "wind_kmh"}
    assert one["suggested_version"] == "2.0.0"


def test_a_version_that_has_other_content_is_taken(shell: Shell) -> None:
    (one,) = answer(shell, "check", lock("v1_2"), "--version", "1.1.0", code=1)["checked"]
    assert (one["code"], one["violations"], one["suggested_version"]) == ("VERSION_TAKEN", [], "1.2.0")


def test_a_descriptor_set_is_judged_as_the_side_that_it_is_said_to_be(shell: Shell, tmp_path: Path) -> None:
    tree = json.loads(Path(lock("v1_1")).read_bytes())["releases"][SUBJECT]["schema"]
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(tree))
    named = ["--agent", "weather", "--skill", "forecast", "--type", "agents.weather.forecast.Query"]
    (one,) = answer(shell, "check", str(path), *named, "--side", "input")["checked"]
    assert one["version"] == "1.1.1"
    answer(shell, "check", str(path), *named, "--side", "output", code=1)
    assert shell.run("schema", "check", str(path)).returncode == 2


# -- diff, list, show


@pytest.mark.requirement("cli.schema.life")
def test_two_releases_are_compared_both_ways(shell: Shell) -> None:
    found = answer(shell, "diff", SUBJECT, "1.0.0")
    assert (found["new"], found["major"]) == ("1.1.0", False)
    assert [(one["path"], one["up"], one["down"]) for one in found["input"]] == [
        ("agents.weather.forecast.Query.days", "ok", "ok")
    ]
    assert "Forecast.humidity" in shell.ok("schema", "diff", SUBJECT, "1.0.0", "1.1.0")
    assert shell.run("schema", "diff", SUBJECT, "1.0.0", "7.0.0").returncode == 1


@pytest.mark.requirement("cli.schema.life")
def test_contracts_are_listed_and_shown(shell: Shell) -> None:
    (one,) = answer(shell, "list")
    assert (one["subject"], one["latest"], one["releases"]) == (SUBJECT, "1.1.0", 2)
    assert SUBJECT in shell.ok("schema", "list", "--agent", "weather")
    assert answer(shell, "list", "--agent", "nobody") == []
    assert "BACKWARD_TRANSITIVE" in shell.ok("schema", "show", SUBJECT)
    assert shell.run("schema", "show", "weather/nothing").returncode == 1


# -- usage, promote, set, codegen


@pytest.mark.requirement("cli.schema.client")
def test_a_generated_client_calls_the_release_that_it_was_made_for(shell: Shell, client: Path) -> None:
    done = called(shell, client, "Bern")
    assert (done.returncode, done.stdout) == (0, "21.5\n"), done.stderr


@pytest.mark.requirement("cli.schema.life")
def test_usage_says_who_sends_and_reads_what(shell: Shell, client: Path) -> None:
    assert called(shell, client, "Bern").returncode == 0
    rows = {(row["version"], row["direction"]): row for row in answer(shell, "usage", SUBJECT, "--fields")["rows"]}
    assert rows["1.0.0", "input"]["fields"].keys() == {"city"}
    assert "temp_c" in rows["1.0.0", "output"]["fields"]
    assert all(not row["fields"] for row in answer(shell, "usage", SUBJECT)["rows"])
    text = shell.ok("schema", "usage", SUBJECT, "--fields")
    assert "Counted by 1 gateway" in text
    assert "temp_c" in text


@pytest.mark.requirement("cli.schema.life")
def test_a_release_is_deprecated_retired_and_brought_back(shell: Shell, client: Path) -> None:
    assert called(shell, client, "Bern").returncode == 0
    assert shell.run("schema", "promote", SUBJECT, "1.0.0", "retired").returncode == 1
    notice = ["--notice", "use 1.1.0", "--sunset", "2027-03-31"]
    done = shell.run("schema", "promote", SUBJECT, "1.0.0", "deprecated", *notice)
    assert done.returncode == 0
    assert "callers seen with it: " in done.stderr
    assert "use 1.1.0; to be retired on 2027-03-31" in shell.ok("schema", "show", SUBJECT)
    assert answer(shell, "promote", SUBJECT, "1.0.0", "retired")["stage"] == "retired"
    try:
        assert "SchemaRetired" in called(shell, client, "Bern").stderr
        assert shell.run("schema", "promote", SUBJECT, "1.0.0", "deprecated").returncode == 1
    finally:
        shell.ok("schema", "promote", SUBJECT, "1.0.0", "deprecated", "--force")
        shell.ok("schema", "promote", SUBJECT, "1.0.0", "active")
    assert called(shell, client, "Bern").returncode == 0


@pytest.mark.requirement("schema.default")
def test_the_default_major_is_shown_and_chosen(shell: Shell) -> None:
    assert "callers that name no release speak it" in shell.ok("schema", "show", SUBJECT)
    assert answer(shell, "promote", SUBJECT, "--default", "1")["default_major"] == 1
    said = shell.run("schema", "promote", SUBJECT, "--default", "1")
    assert said.stderr == f"callers of {SUBJECT} that name no release speak 1.x\n"
    for wrong in (["--default", "9"], ["1.0.0", "active", "--default", "1"], ["1.0.0"], []):
        assert shell.run("schema", "promote", SUBJECT, *wrong).returncode != 0
    assert "served are 1" in shell.run("schema", "promote", SUBJECT, "--default", "9").stderr


def test_what_there_is_not_cannot_be_promoted_or_set(shell: Shell) -> None:
    for arguments in (["promote", SUBJECT, "9.0.0", "deprecated"], ["set", "weather/nothing", "--mediation", "off"]):
        done = shell.run("schema", *arguments)
        assert done.returncode == 1
        assert "meshgate schema list" in done.stderr
    wrong = ["promote", SUBJECT, "1.0.0", "deprecated", "--sunset", "soon"]
    assert shell.run("schema", *wrong).returncode == 2


@pytest.mark.requirement("cli.schema.life")
def test_settings_are_changed_one_by_one(shell: Shell) -> None:
    try:
        found = answer(shell, "set", SUBJECT, "--mediation", "Observe", "--validate-output")
        assert (found["mediation"], found["validate_output"], found["input"]) == (
            "observe",
            True,
            "BACKWARD_TRANSITIVE",
        )
        assert answer(shell, "set", SUBJECT, "--output", "none")["output"] == "NONE"
        assert answer(shell, "check", lock("v1_2"))["compatible"]
    finally:
        back = ["--mediation", "enforce", "--no-validate-output", "--output", "FORWARD_TRANSITIVE"]
        done = shell.run("schema", "set", SUBJECT, *back)
    assert "mediation enforce, validate-output no" in done.stderr


# -- propose; after the others, because it adds releases


@pytest.mark.requirement("cli.schema.propose")
def test_a_release_is_proposed_looked_at_and_promoted(shell: Shell, client: Path) -> None:
    shown = shell.ok("schema", "propose", lock("v1_2"), "--agent", "weather", "--steward", "team-weather")
    assert "weather/forecast 1.2.0 is proposed" in shown
    assert "meshgate schema promote weather/forecast 1.2.0 active" in shown
    assert "team-weather" in shown
    assert "1 proposed" in shell.ok("schema", "list")
    assert answer(shell, "diff", SUBJECT, "1.1.0")["new"] == "1.1.0"
    assert answer(shell, "diff", SUBJECT, "1.1.0", "1.2.0")["input"] == []
    (checked,) = answer(shell, "check", lock("v1_2"))["checked"]
    assert (checked["compatible"], checked["code"], len(checked["notes"])) == (True, "STAGE_REFUSED", 1)

    agent = [sys.executable, str(EVOLUTION / "v1_2" / "agent.py")]
    environ = {**shell.environ, "MESHGATE_CONTRACTS": "frozen"}
    done = subprocess.run(agent, env=environ, capture_output=True, text=True, check=False, timeout=patience(60.0))
    assert done.returncode == 1
    assert "meshgate schema promote weather/forecast 1.2.0 active" in done.stderr

    again = answer(shell, "propose", lock("v1_2"))
    assert [(one["version"], one["stage"]) for one in again["releases"]] == [("1.2.0", "proposed")]
    assert answer(shell, "promote", SUBJECT, "1.2.0", "active")["stage"] == "active"
    assert "1.2.0 is active already" in shell.ok("schema", "propose", lock("v1_2"))
    assert answer(shell, "check", lock("v1_2"))["checked"][0]["code"] == ""
    assert called(shell, client, "Bern").returncode == 0


@pytest.mark.requirement("cli.schema.propose")
def test_what_breaks_its_contract_is_told_as_a_check_tells_it_and_nothing_is_stored(shell: Shell) -> None:
    before = answer(shell, "show", SUBJECT)["releases"]
    found = answer(shell, "propose", lock("v2_0"), "--version", "1.3.0", code=1)
    (one,) = found["checked"]
    assert (found["compatible"], one["code"], found["releases"]) == (False, "INCOMPATIBLE", [])
    assert "breaks the contract" in shell.run("schema", "propose", lock("v2_0"), "--version", "1.3.0").stdout
    assert shell.run("schema", "propose", "nowhere.json").returncode == 2
    assert shell.run("schema", "propose", lock("v1_2"), "--agent", "nobody").returncode == 2
    assert answer(shell, "show", SUBJECT)["releases"] == before


@pytest.mark.requirement("cli.schema.propose")
def test_a_descriptor_set_is_proposed_as_a_version_and_withdrawn(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(json.loads(Path(lock("v1_1")).read_bytes())["releases"][SUBJECT]["schema"]))
    named = ["--agent", "weather", "--skill", "later", "--type", "agents.weather.forecast.Query", "--side", "input"]
    assert "--version" in shell.run("schema", "propose", str(path), *named).stderr
    for _ in range(2):
        (one,) = answer(shell, "propose", str(path), *named, "--version", "0.1.0", "--owner", "ann")["releases"]
        assert one == {
            "subject": "weather/later",
            "version": "0.1.0",
            "stage": "proposed",
            "owner": "ann",
            "steward": "",
        }
    assert "0.1.0 is proposed: " in shell.ok("schema", "show", "weather/later")
    assert shell.run("schema", "promote", "weather/later", "0.1.0", "deprecated").returncode == 1
    assert answer(shell, "promote", "weather/later", "0.1.0", "retired")["stage"] == "retired"
    assert answer(shell, "propose", str(path), *named, "--version", "0.1.0", code=1)["checked"][0]["code"] == (
        "VERSION_RETIRED"
    )


@pytest.mark.requirement("cli.schema.propose", "schema.review")
def test_where_releases_are_reviewed_a_check_says_how_a_new_one_gets_in(shell: Shell) -> None:
    assert answer(shell, "set", SUBJECT, "--review")["review"] is True
    try:
        assert "review            yes" in shell.ok("schema", "show", SUBJECT)
        assert "meshgate schema propose" in shell.ok("schema", "check", lock("v1_2"), "--version", "1.9.0")
    finally:
        done = shell.run("schema", "set", SUBJECT, "--no-review")
    assert "review no" in done.stderr
