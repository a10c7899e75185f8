"""The whole example, by subprocess: five agents and a gateway audit environments that were made for it."""

from __future__ import annotations

import configparser
import csv
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.examples.scratch import ROOT, hash_of, install, make_env, site_of, surroundings
from tests.support.patience import patience

RUN = ROOT / "examples" / "audit" / "run.py"
SECONDS = patience(150.0)
FINDINGS = [("changed", "beta/core.py"), ("no_licence", "gamma"), ("startup_code", "zz_start.pth")]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """An environment with nothing wrong in it."""
    env = tmp_path / "env"
    site = make_env(env)
    script = b"#!/bin/sh\n"
    (env / "bin" / "alpha-script").write_bytes(script)
    install(site, "alpha", extra=[f"../../../bin/alpha-script,{hash_of(script)},{len(script)}"])
    install(site, "beta", files={"beta/core.py": b"LIMIT = 10\n", "beta/__init__.py": b""}, commands=["beta-of-tests"])
    install(site, "gamma", metadata=["License-Expression: Apache-2.0"])
    install(site, "delta", files={"delta/_fast.cpython-311.so": b"\x7fELF"}, metadata=["License: LGPLv3"])
    install(site, "epsilon", metadata=["Classifier: License :: OSI Approved :: ISC License (ISCL)"])
    (site / "paths.pth").write_text("# import nothing\nlocal\n")
    return env


@pytest.fixture
def dirty(clean: Path) -> Path:
    """The same with a changed file, code that runs at start, and a distribution without a licence."""
    site = site_of(clean)
    (site / "beta/core.py").write_bytes(b"LIMIT = 99\n")
    (site / "zz_start.pth").write_text("local\nimport sys; sys.planted = True\n")
    install(site, "gamma", metadata=[])
    return clean


def independent_count(env: Path) -> dict[str, Any]:
    """The totals that a report on ``env`` must have, counted here and nowhere else."""
    site = site_of(env)
    folders = sorted(site.glob("*.dist-info"))
    rows = [row for folder in folders for row in csv.reader((folder / "RECORD").read_text().splitlines()) if row]
    commands: set[str] = set()
    for folder in folders:
        points = configparser.ConfigParser()
        points.read(folder / "entry_points.txt")
        commands |= set(points["console_scripts"]) if points.has_section("console_scripts") else set()
    whole = [row for row in rows if row[1]]
    return {
        "distributions": len(folders),
        "files": len(rows),
        "verified": sum(hash_of((site / path).read_bytes()) == stated for path, stated, _ in whole),
        "unhashed": len(rows) - len(whole),
        "native": sum(row[0].endswith(".so") for row in rows),
        "pth_files": len(list(site.glob("*.pth"))),
        "commands": len(commands),
    }


class Ran:
    """The example at work in a session of its own, with a folder for what it leaves in the temporary directory."""

    def __init__(self, process: subprocess.Popen[str], temporary: Path) -> None:
        self.process = process
        self.temporary = temporary

    def left(self) -> list[str]:
        """Processes of its session that still run, and files it forgot."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
        pids = [line.split(None, 1) for line in listed.splitlines()]
        running = [" ".join(words) for words in pids if _session(int(words[0])) == self.process.pid]
        return running + [path.name for path in self.temporary.iterdir()]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


@contextmanager
def started(tmp_path: Path, *arguments: str | Path, **streams: Any) -> Generator[Ran]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # An address of another mesh in the environment must not lead the agents there.
    environ = {**surroundings(), "TMPDIR": str(temporary), "MESHGATE_URL": "http://127.0.0.1:9"}
    process = subprocess.Popen(
        [sys.executable, RUN, "--out", tmp_path / "out", *arguments],
        env=environ,
        cwd=tmp_path,
        text=True,
        start_new_session=True,
        **streams,
    )
    try:
        yield Ran(process, temporary)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(patience())


def ran(tmp_path: Path, *arguments: str | Path) -> tuple[int, str, str]:
    """Run the example without a terminal; gives its exit code and what it wrote, and checks that nothing is left."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(tmp_path, *arguments, **pipes) as example:
        out, err = example.process.communicate(timeout=SECONDS)
        assert example.left() == []
    return example.process.returncode, out, err


def named(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["kind"], finding["subject"]) for finding in report["findings"]]


def told(totals: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: totals[name] for name in expected}


@pytest.mark.requirement("example.findings", "example.totals", "example.clean")
def test_the_report_names_exactly_what_was_planted(tmp_path: Path, dirty: Path) -> None:
    code, out, err = ran(tmp_path, "--env", dirty)
    assert code == 0, out + err
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert named(report) == FINDINGS
    expected = independent_count(dirty)
    assert told(report["totals"], expected) == expected
    assert report["totals"]["licences"] == {
        "permissive": 3,
        "weak": 1,
        "copyleft": 0,
        "proprietary": 0,
        "unknown": 0,
        "missing": 1,
    }
    assert "zz\\_start.pth" in (tmp_path / "out/report.md").read_text()
    assert "critic: the report adds up" in out
    assert "integrity.integrity@1.0.0" in out  # the tree of calls
    assert "curl -s" in out


@pytest.mark.requirement("example.findings", "example.terminal", "example.clean")
def test_on_a_terminal_it_finds_nothing_in_a_clean_environment_and_stays_up_for_the_next_call(
    tmp_path: Path, clean: Path
) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    with started(tmp_path, "--env", clean, stdin=slave, stdout=slave, stderr=slave) as example:
        os.close(slave)
        shown = _until(master, b"Ctrl-C ends it")
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert named(report) == []
        expected = independent_count(clean)
        assert told(report["totals"], expected) == expected
        if shutil.which("curl"):
            assert _next_call(shown) == "permissive"
        example.process.send_signal(signal.SIGINT)
        _until(master, b"")
        assert example.process.wait(SECONDS) == 0
        assert example.left() == []
    os.close(master)


def _until(master: int, wanted: bytes) -> str:
    """What the terminal shows up to ``wanted``, or up to the end."""
    seen = b""
    while not wanted or wanted not in seen:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            chunk = b""
        if not chunk:
            assert not wanted, seen.decode(errors="replace")
            break
        seen += chunk
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r\n", "\n")


def _next_call(shown: str) -> str:
    line = shown[shown.index("curl -s") : shown.index("}}}'") + 4]
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    parts = json.loads(answer)["result"]["task"]["artifacts"][0]["parts"]
    return str(parts[0]["text"])


@pytest.mark.requirement("example.chaos", "example.clean")
def test_the_audit_ends_well_although_one_of_two_instances_is_killed(tmp_path: Path, dirty: Path) -> None:
    code, out, err = ran(tmp_path, "--env", dirty, "--chaos", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert named(document["report"]) == FINDINGS
    assert document["report"]["totals"]["distributions"] == 5
    assert re.search(r"chaos: killed integrity-2 \(process \d+\) with [1-9]", err)
    calls = [node["call"] for node in document["job"]["roots"][0]["children"]]
    lost = [call for call in calls if call.get("code") == "OUTCOME_UNKNOWN"]
    assert lost
    assert {call["instance"] for call in lost} == {"integrity-2"}
    done = [call for call in calls if call["agent"] == "integrity" and call["outcome"] == "done"]
    assert len(done) == 5 + 2  # a batch for each of the few distributions, startup, commands


@pytest.mark.requirement("example.clean")
def test_told_to_end_it_ends_everything(tmp_path: Path, clean: Path) -> None:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(tmp_path, "--env", clean, **pipes) as example:
        assert example.process.stdout is not None
        for line in example.process.stdout:
            if "agents: 2 of 6" in line or "agents: 6 of 6" in line:
                break
        example.process.terminate()
        rest, _ = example.process.communicate(timeout=SECONDS)
        assert example.process.returncode == 128 + signal.SIGTERM, rest
        assert example.left() == []


@pytest.mark.requirement("example.clean")
@pytest.mark.parametrize(("arguments", "code"), [(["--env", "/nowhere/at/all"], 2), (["--no-such-flag"], 2)])
def test_a_wrong_command_line_is_refused_with_the_remedy(tmp_path: Path, arguments: list[str], code: int) -> None:
    found, _, err = ran(tmp_path, *arguments)
    assert found == code
    assert err
    assert "Traceback" not in err
