"""Clients made ready to run: each from its own lock file, by its own language's tools, into a cache.

The cache is ``$MESHGATE_CACHE/interop``, else ``~/.cache/meshgate/interop``. What is in it already is not made again.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.environments import uv
from tests.support.patience import patience

__all__ = ["HERE", "Missing", "cargo", "go", "npm", "python", "run"]

HERE = Path(__file__).parent
_AWAY = re.compile(
    r"error sending request|dns error|could not resolve|no such host|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|dial tcp",
    re.IGNORECASE,
)


class Missing(Exception):
    """A toolchain, or a registry, is not to be had; the message is the remedy."""


def _cache() -> Path:
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshgate"
    folder = Path(os.environ.get("MESHGATE_CACHE") or usual) / "interop"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextmanager
def _alone(name: str) -> Generator[Path]:
    """The cache, while nobody else makes the client of that name."""
    with (_cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _cache()


def run(name: str, folder: Path, *command: str | Path, remedy: str, **variables: str) -> None:
    """Run one step of a build in a folder.

    Raises:
        Missing: the program, or what it fetches, is not to be had.
    """
    program = shutil.which(str(command[0]))
    if program is None:
        raise Missing(f"there is no {command[0]}: {remedy}")
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(900.0),
    )
    _check(name, done)


def _check(name: str, done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode != 0 and _AWAY.search(done.stderr):
        raise Missing(f"what {name} is built from can't be reached: run this with a network\n{done.stderr[-400:]}")
    assert done.returncode == 0, f"{name} cannot be built:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def python(name: str, at_least: str = "") -> list[str]:
    """An environment with what ``requirements.lock`` holds; the command that runs ``client.py`` in it.

    Args:
        at_least: the Python that it wants, if that may be newer than this one.
    """
    lock = HERE / name / "requirements.lock"
    with _alone(name) as cache:
        folder = cache / f"{name}-{at_least or f'{sys.version_info[0]}.{sys.version_info[1]}'}-{_digest(lock)}"
        if not (folder / "ready").exists():
            wanted = _newer(at_least) if at_least else sys.executable
            _check(name, uv("venv", "--quiet", "--clear", "--python", wanted, folder))
            _check(name, uv("pip", "sync", "--quiet", "--require-hashes", "--python", folder, lock))
            (folder / "ready").touch()
    return [str(folder / "bin" / "python"), str(HERE / name / "client.py")]


def _newer(at_least: str) -> str:
    """A Python of that version or newer: on the path, or among pyenv's."""
    least = int(at_least.partition(".")[2])
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(least, least + 3):
        found = sorted(str(each) for each in pyenv.glob(f"3.{minor}.*/bin/python"))
        for candidate in (shutil.which(f"python3.{minor}"), *found):
            # A command may be there and be a stub.
            told = subprocess.run([candidate, "-V"], capture_output=True, check=False) if candidate else None
            if candidate and told is not None and told.returncode == 0:
                return candidate
    raise Missing(f"there is no Python {at_least} or newer: install one (apt install python{at_least})")


def npm(name: str) -> list[str]:
    """The packages of ``package-lock.json``; the command that runs ``client.js`` beside them."""
    node = shutil.which("node")
    if node is None:
        raise Missing("there is no node: install Node.js 20 or newer (apt install nodejs npm)")
    files = [HERE / name / file for file in ("package.json", "package-lock.json", "client.js")]
    with _alone(name) as cache:
        folder = cache / f"{name}-{_digest(*files)}"
        if not (folder / "ready").exists():
            folder.mkdir(exist_ok=True)
            for file in files:  # Node.js looks for packages from where a program lies
                shutil.copy(file, folder)
            remedy = "install npm, which comes with Node.js (apt install npm)"
            run(name, folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", remedy=remedy)
            (folder / "ready").touch()
    return [node, str(folder / "client.js")]


def go(name: str) -> list[str]:
    """A program built with what ``go.sum`` names."""
    files = [HERE / name / file for file in ("main.go", "go.mod", "go.sum")]
    with _alone(name) as cache:
        program = cache / f"{name}-{_digest(*files)}"
        if not program.exists():
            remedy = "install Go 1.25 or newer (https://go.dev/dl)"
            built = cache / f"{name}.new"
            run(name, HERE / name, "go", "build", "-mod=readonly", "-buildvcs=false", "-o", built, ".", remedy=remedy)
            built.rename(program)
    return [str(program)]


def cargo(name: str) -> list[str]:
    """A program built with what ``Cargo.lock`` names."""
    files = [HERE / name / file for file in ("src/main.rs", "Cargo.toml", "Cargo.lock")]
    with _alone(name) as cache:
        program = cache / f"{name}-{_digest(*files)}"
        if not program.exists():
            target = cache / f"{name}-target"
            remedy = "install Rust 1.85 or newer (https://rustup.rs)"
            variables = {"CARGO_TARGET_DIR": str(target)}
            run(name, HERE / name, "cargo", "build", "--quiet", "--locked", remedy=remedy, **variables)
            shutil.copy(target / "debug" / "interop", cache / f"{name}.new")
            (cache / f"{name}.new").rename(program)
    return [str(program)]
