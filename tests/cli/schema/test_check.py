"""What ``meshgate schema check`` says of files: against git, against other files, and what it cannot read."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshgate.cli import main
from meshgate.cli.exits import Exit
from meshgate.cli.schema.git import read_git
from meshgate.cli.schema.options import MEDIATIONS, MODES, STAGES
from meshgate.registry.schemas import Mode, Stage, SubjectSettings
from meshgate.sdk.schemas.lock.format import encode_lock
from meshgate.sdk.schemas.lock.releases import release_tree
from tests.registry.schemas.build import compiled, image

OLD = "message Query { string city = 1; } message Forecast { double temp = 1; }"
MORE = "message Query { string city = 1; int32 days = 2; } message Forecast { double temp = 1; bool rain = 2; }"
RENAMED = "message Query { string town = 1; } message Forecast { double temp = 1; }"
BROKEN = "message Query { int32 city = 1; } message Forecast { double temp = 1; }"
LOCK = "contracts.lock.json"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("MESHGATE_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MESHGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lock(body: str, version: str = "1.0.0", *subjects: str) -> bytes:
    """A lock file in which each subject takes p.Query and gives p.Forecast."""
    sides = ("p.Query", image(body)), ("p.Forecast", image(body))
    releases = {name: release_tree(version, *sides, ()) for name in subjects or ("weather/forecast",)}
    return encode_lock({}, releases)


def git(*arguments: str) -> None:
    given = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(given, check=True, capture_output=True)


@pytest.fixture
def committed(folder: Path) -> Path:
    """A lock file in a folder of a repository, whose last commit is tagged v1."""
    inner = folder / "agents" / "weather"
    inner.mkdir(parents=True)
    (inner / LOCK).write_bytes(lock(OLD))
    git("init", "--quiet", "--initial-branch=main")
    git("add", "agents")
    git("commit", "--quiet", "--message=one")
    git("tag", "v1")
    return inner / LOCK


def check(capfd: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The report, and that the command ended with ``code``."""
    assert main(["schema", "check", *map(str, arguments), "--json"]) == code
    out, err = capfd.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    assert found["compatible"] is (code == 0)
    return found


def refused(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of an error with exit code 2."""
    assert main(["schema", "check", *map(str, arguments)]) == Exit.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_the_words_of_options_are_those_of_the_contract() -> None:
    assert set(MODES) == set(Mode)
    assert list(STAGES) == list(Stage)
    assert set(MEDIATIONS) == {"off", "observe", "enforce"}
    assert SubjectSettings().mediation in MEDIATIONS


# -- against git


@pytest.mark.requirement("cli.schema.check")
def test_a_lock_file_goes_with_an_earlier_commit(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(MORE, "1.1.0"))
    (one,) = check(capfd, committed, "--against", "git:main")["checked"]
    assert (one["subject"], one["version"]) == ("weather/forecast", "1.1.0")
    assert one["against"] == "1.0.0 at main"
    assert one["violations"] == one["translated"] == one["notes"] == []


@pytest.mark.requirement("cli.schema.check")
def test_what_breaks_is_told_with_place_rule_and_remedy(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(BROKEN, "1.1.0"))
    (one,) = check(capfd, committed, "--against", "git:v1", code=1)["checked"]
    assert {(told["path"], told["side"], told["rule"]) for told in one["violations"]} == {
        ("p.Query.city", "input", "wire-type"),
        ("p.Query.city", "input", "json-type"),
    }
    assert all(told["remedy"] and told["what"] for told in one["violations"])
    assert one["suggested_version"] == "2.0.0"


def test_from_within_the_folder_the_file_is_found_too(
    committed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    committed.write_bytes(lock(BROKEN, "1.1.0"))
    monkeypatch.chdir(committed.parent)
    check(capfd, LOCK, "--against", "git:HEAD", code=1)


def test_what_gateways_make_up_for_breaks_nothing_unless_strict(
    committed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    committed.write_bytes(lock(RENAMED, "1.1.0"))
    (one,) = check(capfd, committed, "--against", "git:v1")["checked"]
    assert [told["rule"] for told in one["translated"]] == ["json-name"]
    (one,) = check(capfd, committed, "--against", "git:v1", "--strict", code=1)["checked"]
    assert [told["rule"] for told in one["violations"]] == ["json-name"]


def test_a_new_major_version_may_change_anything(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(BROKEN, "2.0.0"))
    (one,) = check(capfd, committed, "--against", "git:v1")["checked"]
    assert (one["against"], len(one["notes"])) == ("", 1)
    check(capfd, committed, "--against", "git:v1", "--version", "1.5.0", code=1)


def test_a_change_without_a_new_version_is_judged_and_noted(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(MORE))
    (one,) = check(capfd, committed, "--against", "git:v1")["checked"]
    assert (one["version"], len(one["notes"])) == ("1.0.0", 1)
    committed.write_bytes(lock(BROKEN))
    check(capfd, committed, "--against", "git:v1", code=1)


def test_a_skill_or_a_file_that_was_not_there_is_new(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(OLD, "1.0.0", "weather/forecast", "weather/storm"))
    first, second = check(capfd, committed, "--against", "git:v1")["checked"]
    assert (first["against"], second["against"]) == ("1.0.0 at v1", "")
    other = committed.with_name("other.lock.json")
    other.write_bytes(lock(OLD))
    (one,) = check(capfd, other, "--against", "git:v1")["checked"]
    assert (one["against"], len(one["notes"])) == ("", 1)


def test_one_skill_can_be_chosen(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committed.write_bytes(lock(BROKEN, "1.1.0", "weather/forecast", "radio/news"))
    check(capfd, committed, "--against", "git:v1", code=1)
    (one,) = check(capfd, committed, "--against", "git:v1", "--agent", "radio", "--skill", "news")["checked"]
    assert one["subject"] == "radio/news"
    refused(capfd, committed, "--against", "git:v1", "--agent", "tv")
    refused(capfd, committed, "--against", "git:v1", "--version", "1.2.0")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--input", "none"], 0),
        (["--input", "FORWARD"], 1),
        (["--input", "backward"], 1),
        (["--output", "NONE"], 1),
    ],
)
def test_modes_say_what_counts(
    committed: Path, capfd: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    committed.write_bytes(lock(BROKEN, "1.1.0"))
    check(capfd, committed, "--against", "git:v1", *options, code=code)


@pytest.mark.parametrize(
    "ref", ["no-such-branch", "--help", "-p", "main:agents", "main..v1", "a b", "$(id)", "", "@{-1}", "x" * 300]
)
@pytest.mark.requirement("cli.schema.git")
def test_a_ref_that_is_none_is_refused_and_is_never_an_option(
    committed: Path, capfd: pytest.CaptureFixture[str], ref: str
) -> None:
    refused(capfd, committed, "--against", f"git:{ref}")


@pytest.mark.requirement("cli.schema.git")
def test_a_file_whose_name_is_an_option_is_a_file(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(committed.parent)
    odd = committed.with_name("--batch")
    odd.write_bytes(lock(OLD))
    git("add", "--", "./--batch")
    git("commit", "--quiet", "--message=two")
    assert [one.subject for one in read_git("HEAD", "./--batch").entries] == ["weather/forecast"]


def test_in_a_hook_of_git_the_repository_is_still_the_files(
    committed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index"), ("GIT_PREFIX", "")):
        monkeypatch.setenv(name, value)
    check(capfd, committed, "--against", "git:main")


def test_outside_a_repository_there_is_no_git_to_compare_with(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    (folder / LOCK).write_bytes(lock(OLD))
    refused(capfd, LOCK, "--against", "git:main")


def test_without_git_the_error_says_so(
    committed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git is not installed" in refused(capfd, committed, "--against", "git:main")


# -- against other files


@pytest.fixture
def files(folder: Path) -> Path:
    for name, body in (("old", OLD), ("more", MORE), ("renamed", RENAMED), ("broken", BROKEN)):
        (folder / f"{name}.binpb").write_bytes(compiled(body))
        (folder / f"{name}.lock.json").write_bytes(lock(body, "1.0.0" if name == "old" else "1.1.0"))
    return folder


@pytest.mark.parametrize("new", ["binpb", "lock.json"])
@pytest.mark.parametrize("old", ["binpb", "lock.json"])
@pytest.mark.requirement("cli.schema.check")
def test_lock_files_and_descriptor_sets_are_compared_with_each_other(
    files: Path, capfd: pytest.CaptureFixture[str], new: str, old: str
) -> None:
    against = ["--against", f"image:old.{old}"]
    check(capfd, f"more.{new}", *against)
    (one,) = check(capfd, f"renamed.{new}", *against)["checked"]
    assert {told["rule"] for told in one["translated"]} == {"json-name"}
    (one,) = check(capfd, f"broken.{new}", *against, code=1)["checked"]
    assert {told["path"] for told in one["violations"]} == {"p.Query.city"}


def test_of_a_descriptor_set_one_message_can_be_chosen_and_what_it_is_used_as(
    files: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    against = ["--against", "image:old.binpb"]
    check(capfd, "broken.binpb", "--type", "p.Forecast", *against)
    check(capfd, "broken.binpb", "--type", "p.Query", *against, code=1)
    (one,) = check(capfd, "broken.binpb", "--side", "output", *against, code=1)["checked"]
    assert {told["side"] for told in one["violations"]} == {"output"}
    assert "p.Query" in refused(capfd, "broken.binpb", "--type", "p.Quer", *against)
    refused(capfd, "more.lock.json", "--type", "p.Query", *against)


def test_a_message_that_is_gone_breaks_the_contract(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (files / "less.binpb").write_bytes(compiled("message Query { string city = 1; }"))
    (one,) = check(capfd, "less.binpb", "--against", "image:old.binpb", code=1)["checked"]
    assert [told["rule"] for told in one["violations"]] == ["type-removed"]


def test_a_message_that_is_new_has_nothing_to_be_compared_with(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (files / "less.binpb").write_bytes(compiled("message Query { string city = 1; }"))
    (one,) = check(capfd, "old.binpb", "--type", "p.Forecast", "--against", "image:less.binpb")["checked"]
    assert (one["against"], len(one["notes"])) == ("", 1)
    (one,) = check(capfd, "old.lock.json", "--against", "image:less.binpb")["checked"]
    assert (one["against"], len(one["notes"])) == ("what is in less.binpb", 1)


def test_a_descriptor_set_in_json_is_one_too(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tree = json.loads((files / "broken.lock.json").read_bytes())["releases"]["weather/forecast"]["schema"]
    (files / "broken.json").write_text(json.dumps({**tree, "bufExtension": {}}))
    check(capfd, "broken.json", "--against", "image:old.binpb", code=1)
    check(capfd, "old.binpb", "--against", "image:broken.json", code=1)


def test_a_file_can_come_from_standard_input(files: Path) -> None:
    command = ["meshgate", "schema", "check", "-", "--against"]
    for name, code in (("more", 0), ("broken", 1)):
        with (files / f"{name}.binpb").open("rb") as file:
            done = _run([*command, "image:old.binpb"], file)
        assert done.returncode == code, done.stderr
    with (files / "old.lock.json").open("rb") as file:
        assert _run([*command, "git:main"], file).returncode == Exit.USAGE


def _run(command: list[str], stdin: Any) -> subprocess.CompletedProcess[bytes]:
    import sys

    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    given = [sys.executable, "-m", "meshgate.cli", *command[1:]]
    return subprocess.run(given, stdin=stdin, capture_output=True, check=False, env=environ)


SPOILT = {
    "nothing": b"",
    "text": b"hello",
    "an object": b"{}",
    "no object": b"[1]",
    "half of JSON": b'{"file": [',
    "a set with what there is not": b'{"file": [{"hello": 1}, 2]}',
    "a lock file of a later format": b'{"format": 9, "contracts": {}}',
    "a lock file without types": b'{"format": 1, "contracts": {"a/b": {"enums": {}, "messages": {}, "texts": []}}}',
    "a lock file with spoilt types": b'{"format": 1, "contracts": {}, "releases": {"a/b": 1}}',
    "a bad version": lock(OLD, "one"),
}


@pytest.mark.parametrize("what", SPOILT)
@pytest.mark.requirement("cli.schema.check")
def test_what_cannot_be_read_is_exit_2_and_names_the_file(
    files: Path, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    (files / "spoilt").write_bytes(SPOILT[what])
    said = refused(capfd, "spoilt", "--against", "image:old.lock.json")
    assert "spoilt" in said or "version" in said
    assert "this is a bug" not in said


def test_a_file_is_read_before_the_mesh_is_asked(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(capfd, "nowhere.binpb")
    assert main(["schema", "check", "old.lock.json"]) == Exit.UNREACHABLE
