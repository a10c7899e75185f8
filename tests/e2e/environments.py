"""The built wheel, and environments that it or a peer of it is installed in: made by uv, each in less than a second.

Each is resolved from what it is asked for, the wheel's from its own metadata, to the versions and hashes of
``requirements/dev.lock`` alone. So what the wheel forgets to name is missing, and nothing that isn't locked comes in.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.patience import patience

__all__ = [
    "APPS",
    "LOCK",
    "ROOT",
    "Environment",
    "NoIndex",
    "build_source",
    "build_wheel",
    "from_wheel",
    "locked",
    "make",
    "make_locked",
]

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "dev.lock"
APPS = Path(__file__).parent / "apps"
_WITHIN = 60.0


class NoIndex(Exception):
    """The cache lacks a package, and the index can't be reached."""


@dataclass(frozen=True)
class Environment:
    """An environment of its own, and how programs are run in it."""

    folder: Path
    scratch: Path
    """Home and working folder of what runs in it."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def programs(self) -> Path:
        """Where its commands are."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def environ(self) -> dict[str, str]:
        """The variables of what runs in it: nothing of this process's own Python, and no mesh but the test's."""
        return {
            "PATH": os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.scratch),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            **self.variables,
        }

    def start(self, *command: str | Path, **variables: str) -> "subprocess.Popen[str]":
        """Starts a command of this environment; its output is for the caller to read."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._resolved(command),
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            cwd=self.scratch,
            env={**self.environ, **variables},
        )

    def run(self, *command: str | Path, stdin: str = "", within: float = _WITHIN) -> "subprocess.CompletedProcess[str]":
        """What a command of this environment did."""
        return subprocess.run(
            self._resolved(command),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.scratch,
            env=self.environ,
            timeout=patience(within),
        )

    def ok(self, *command: str | Path, stdin: str = "") -> str:
        """What a command printed, which has to end well."""
        done = self.run(*command, stdin=stdin)
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def app(self, name: str, asked: str) -> str:
        """What a program of ``apps`` printed that was asked this on standard input."""
        return self.ok("python", APPS / name, stdin=asked)

    def _resolved(self, command: tuple[str | Path, ...]) -> list[str]:
        own = self.programs / command[0]
        return [str(own if own.exists() else command[0]), *map(str, command[1:])]


def uv(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Runs the uv of the development environment, with the machine's own certificates."""
    program = Path(sys.executable).with_name("uv")
    environ = {"UV_SYSTEM_CERTS": "1", **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}}
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        cwd=ROOT,
        timeout=patience(300.0),
    )


def build_wheel(folder: Path, source: Path = ROOT) -> Path:
    """The wheel of this checkout, or of a source distribution, built with the development environment's hatchling."""
    return _build("--wheel", "*.whl", folder, source)


def build_source(folder: Path) -> Path:
    """The source distribution of this checkout."""
    return _build("--sdist", "*.tar.gz", folder, ROOT)


def _build(kind: str, pattern: str, folder: Path, source: Path) -> Path:
    done = uv("build", kind, "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, source)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob(pattern)
    return made


def from_wheel(wheel: Path, extras: str = "") -> str:
    """The wheel as a requirement."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"meshgate{f'[{extras}]' if extras else ''} @ {wheel.as_uri()}#sha256={digest}"


def locked(requirement: str) -> str:
    """A requirement such as ``a2a-sdk[grpc]`` at the version that the lock holds."""
    name = requirement.partition("[")[0].lower()
    found = re.search(rf"^{re.escape(name)}(?:\[[^\]]*\])?==(\S+)", LOCK.read_text(), re.MULTILINE)
    assert found is not None, f"{name} is not in {LOCK.name}"
    return f"{requirement}=={found[1]}"


def make(folder: Path, *requirements: str, scratch: Path, variables: Mapping[str, str] | None = None) -> Environment:
    """A new environment with these requirements and what they need; none makes an empty one.

    Raises:
        NoIndex: a package is neither in uv's cache nor to be had.
    """
    made = uv("venv", "--quiet", "--clear", "--python", sys.executable, folder)
    assert made.returncode == 0, made.stderr
    scratch.mkdir(parents=True, exist_ok=True)
    if requirements:
        install(folder, *requirements)
    return Environment(folder, scratch, dict(variables or {}))


def make_locked(folder: Path, lock: Path, wheel: Path, *, scratch: Path, variables: Mapping[str, str]) -> Environment:
    """A new environment with what a lock file holds, and the wheel, whose needs that file must have as well.

    Raises:
        NoIndex: a package is neither in uv's cache nor to be had.
    """
    made = make(folder, scratch=scratch, variables=variables)
    _fetch("pip", "sync", "--quiet", "--require-hashes", "--python", folder, lock)
    _fetch("pip", "install", "--quiet", "--no-deps", "--python", folder, wheel)
    needs = uv("pip", "check", "--quiet", "--python", folder)
    assert needs.returncode == 0, needs.stderr
    return made


def install(folder: Path, *requirements: str) -> None:
    """Installs into an environment, from uv's cache if that has everything.

    Raises:
        NoIndex: a package is neither there nor to be had.
    """
    _fetch("pip", "install", "--quiet", "--require-hashes", "--constraint", LOCK, "--python", folder, *requirements)


def _fetch(*wanted: str | Path) -> None:
    done = uv(*wanted, "--offline")
    if done.returncode != 0:
        done = uv(*wanted)
    if "error sending request" in done.stderr or "dns error" in done.stderr:
        raise NoIndex("the package index can't be reached: run this with a network, or without by -m 'not e2e'")
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Mesh:
    """The mesh, as its `run.json` tells of it."""

    run: dict[str, Any]

    @classmethod
    def find(cls, home: Path) -> "Mesh | None":
        """The mesh that runs from a home, if one does."""
        file = home / "run.json"
        return cls(json.loads(file.read_text())) if file.exists() else None

    def admin(self, path: str) -> Any:
        """What the admin API answers to a GET."""
        request = urllib.request.Request(
            f"{self.run['admin']}/api/v1/{path}", headers={"authorization": f"Bearer {self.run['admin_key']}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=patience()) as response:
            return json.load(response)

    def instances(self) -> list[str]:
        """Ids of the instances that have joined."""
        return [one["id"] for one in self.admin("instances")]
