"""'meshgate up' says on a terminal what it does while it starts, and nothing more into a log."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import COMMAND, Shell
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.requirement("cli.startup")]

LINE = ["up", "--port", "0", "--grpc-port", "0", "--join-port", "0", "--admin-port", "0", "--registry", "nowhere:"]
STEPS = ["loading the gateway ...", "reading settings, checking ports, looking for keys ..."]


def test_on_a_terminal_each_step_has_a_line(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, *LINE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            check=False,
            env={**shell.environ, "COLUMNS": "200"},
            timeout=patience(60.0),
        )
        said = re.sub(r"\x1b\[[0-9;]*m", "", os.read(ours, 64 * 1024).decode()).splitlines()
    finally:
        os.close(theirs)
        os.close(ours)
    assert [line for line in said if line in STEPS] == STEPS
    assert "error: " in said[-1]
    assert done.returncode == 2


def test_into_a_log_go_errors_alone(tmp_path: Path) -> None:
    done = Shell(tmp_path / "home").run(*LINE)
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:7]) == (2, 1, "error: ")
