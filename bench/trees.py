"""Trees under comparison: the wheel of each in an environment of its own, and the gateway that runs from it.

Nothing here imports Meshgate. What is asked of a tree is its command line, ``run.json``, and the join port in JSON, so
that its modules may be named differently in every tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from bench.processes import Subject, program

__all__ = ["Gateway", "Tree", "commit_id", "gateways", "of_commit", "of_disk", "register"]

ROOT = Path(__file__).parents[1]
_LOCK = ROOT / "requirements" / "dev.lock"
_READY = 60.0
_STEP = 0.05
_LOG = "gateway.log"
_PORTS = [part for name in ("port", "grpc-port", "join-port", "admin-port") for part in (f"--{name}", "0")]
# One caller sends all the load, so its limit is above what one process can do; everything else is as it comes.
_LIMITS = ["--limit", "rate=1e6", "--limit", "burst=1000000", "--limit", "lease=3600"]
"""The caller is not held back, and nobody has to renew the lease of the agent that is called."""


class Tree(NamedTuple):
    """A tree whose wheel is installed."""

    name: str
    folder: Path
    """Holds its environment, and is the working folder and home of what runs from it."""

    @property
    def programs(self) -> Path:
        """Where the commands of its environment are."""
        return self.folder / "env" / "bin"

    def environ(self, home: Path) -> dict[str, str]:
        """Variables of what runs from it: nothing of this process's own Python or mesh."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)])
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", "MESHGATE_HOME": str(home)}


class Gateway(NamedTuple):
    """A gateway that runs from a tree."""

    tree: Tree
    subject: Subject
    run: dict[str, Any]
    """Its ``run.json``: addresses and keys."""


def commit_id(commit: str) -> str:
    """The full id of a commit, a tag or a branch of this repository."""
    command = ["git", "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
    return _ran(command, cwd=ROOT).decode().strip()


def of_disk(name: str, folder: Path) -> Tree:
    """This tree as it is on disk, with what is not committed yet."""
    return _installed(name, ROOT, folder)


def of_commit(commit: str, name: str, folder: Path) -> Tree:
    """The tree of a commit."""
    source = folder / "source"
    done = _ran(["git", "archive", "--format=tar", commit], cwd=ROOT)
    with tarfile.open(fileobj=BytesIO(done)) as archive:
        archive.extractall(source, filter="data")
    return _installed(name, source, folder)


def _installed(name: str, source: Path, folder: Path) -> Tree:
    """The wheel of ``source`` in a new environment, with what it needs at the versions of this tree's lock."""
    tree = Tree(name, folder)
    build = ["build", "--wheel", "--no-build-isolation", "--python", sys.executable]
    _uv(*build, "--out-dir", str(folder / "dist"), str(source))
    (wheel,) = (folder / "dist").glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    _uv("venv", "--python", sys.executable, str(folder / "env"))
    install = ["pip", "install", "--require-hashes", "--constraint", str(_LOCK), "--python", str(folder / "env")]
    _uv(*install, f"meshgate[gateway] @ {wheel.as_uri()}#sha256={digest}")
    _check_own(tree)
    return tree


def _check_own(tree: Tree) -> None:
    """Refuse an environment that finds the gateway anywhere but in itself."""
    ask = "import meshgate.gateway; print(meshgate.gateway.__file__)"
    command = [str(tree.programs / "python"), "-P", "-c", ask]
    found = Path(_ran(command, cwd=tree.folder, env=tree.environ(tree.folder)).decode().strip())
    if not found.is_relative_to(tree.folder / "env"):
        raise SystemExit(f"bench: the environment of {tree.name} imports {found}: the figure would be false")


def _uv(*arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [str(Path(sys.executable).with_name("uv")), "--quiet", *arguments]
    _ran(command, cwd=ROOT, env={"UV_SYSTEM_CERTS": "1", **environ})


def _ran(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> bytes:
    """What a command printed, which has to end well."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


@contextmanager
def gateways(trees: Sequence[Tree], home: Path) -> Generator[list[Gateway], None, None]:
    """A gateway of each tree with every policy on, ready, each with a home of its own in the folder ``home``.

    They start at the same time: one that starts before the other turns out a percent dearer for as long as it lives.
    """
    home.mkdir()
    with ExitStack() as stack:
        starting = [stack.enter_context(_starting(tree, home / str(place))) for place, tree in enumerate(trees)]
        yield [one.ready() for one in starting]


class _Starting(NamedTuple):
    """A gateway that was started and may not serve yet."""

    tree: Tree
    process: subprocess.Popen[bytes]
    home: Path

    def ready(self) -> Gateway:
        """The gateway, once it has written ``run.json``: it serves then."""
        file, began = self.home / "run.json", time.monotonic()
        while time.monotonic() - began < _READY and self.process.poll() is None:
            if file.exists():  # it is put there whole, by a rename
                run = json.loads(file.read_text("utf-8"))
                return Gateway(self.tree, Subject(self.process, int(run["gateway"].rpartition(":")[2])), run)
            time.sleep(_STEP)
        log = (self.home / _LOG).read_text("utf-8", errors="replace")
        raise SystemExit(f"bench: the gateway of {self.tree.name} did not start\n{log}")


@contextmanager
def _starting(tree: Tree, home: Path) -> Generator[_Starting, None, None]:
    home.mkdir(mode=0o700)
    command = [str(tree.programs / "meshgate"), "up", *_PORTS, *_LIMITS]
    with (
        (home / _LOG).open("wb") as log,
        program(command, stderr=log, cwd=tree.folder, env=tree.environ(home)) as process,
    ):
        yield _Starting(tree, process, home)


def register(gateway: Gateway, upstream: int) -> None:
    """List the upstream as an agent that the gateway calls."""
    card = {"name": "bench", "version": "1.0.0", "skills": [{"id": "echo", "name": "echo"}]}
    skills = [{"skill": "echo", "version": "1.0.0"}]
    registration = {
        "instanceId": "bench-1",
        "agent": "bench",
        "endpoints": [{"binding": "JSONRPC", "url": f"http://127.0.0.1:{upstream}/", "protocolVersion": "1.0"}],
        "manifest": {"agent": "bench", "version": "1.0.0", "capabilities": skills, "cardJson": json.dumps(card)},
    }
    headers = {"authorization": f"Bearer {gateway.run['join_key']}", "content-type": "application/json"}
    url = gateway.run["join"] + "/meshgate.v1.RegistryService/Register"
    body = json.dumps({"registration": registration}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()
