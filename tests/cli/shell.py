"""Commands as processes, in a home of their own, on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import patience

__all__ = ["PORTS", "Shell"]

PORTS = ["--port", "0", "--grpc-port", "0", "--join-port", "0", "--admin-port", "0"]
COMMAND = [sys.executable, "-W", "error::SyntaxWarning", "-m", "meshgate.cli"]


class Shell:
    """Runs commands in one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        own = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
        paths = os.pathsep.join(sys.path)
        self.environ = {**own, "MESHGATE_HOME": str(home), "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "80"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([*COMMAND, *arguments], stdout=pipe, stderr=pipe, text=True, env=self.environ)

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self.environ,
            input=stdin,
            timeout=patience(90.0),
        )
        assert "Traceback" not in done.stderr
        return done

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def on_terminal(self, *arguments: str) -> str:
        """What a command prints whose standard output is a terminal."""
        ours, theirs = os.openpty()
        try:
            done = subprocess.run(
                [*COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.PIPE,
                check=False,
                env={**self.environ, "COLUMNS": "200"},
                timeout=patience(90.0),
            )
            assert done.returncode == 0, done.stderr
            return os.read(ours, 64 * 1024).decode()
        finally:
            os.close(theirs)
            os.close(ours)

    def await_agent(self, name: str) -> None:
        # Each look is a process of its own, which is pause enough.
        for _ in range(60):
            if self.run("agents", name).returncode == 0:
                return
        pytest.fail(f"{name} did not join: {(self.home / 'agent.log').read_text()}")
