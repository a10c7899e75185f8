"""Environments made by hand, with distributions that nobody published. Nothing in this comes from the example."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["MIT", "ROOT", "hash_of", "install", "make_env", "site_of", "surroundings"]

ROOT = Path(__file__).parents[2]
MIT = ("License-Expression: MIT",)


def hash_of(content: bytes) -> str:
    """A file's hash as RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def surroundings() -> dict[str, str]:
    """The environment variables for a process that imports Meshgate from this checkout, installed or not."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    sources = [str(ROOT / name) for name in ("protos", "registry", "sdk", "gateway")]
    return {**own, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), *sources]))}


def site_of(env: Path) -> Path:
    """The environment's site-packages."""
    return next(env.glob("lib/python3*/site-packages"))


def make_env(env: Path) -> Path:
    """A virtual environment without pip; gives its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    return site_of(env)


def install(
    site: Path,
    name: str,
    *,
    files: Mapping[str, bytes] | None = None,
    metadata: Sequence[str] = MIT,
    commands: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> Path:
    """Install a distribution as an installer would; gives its metadata folder.

    Args:
        files: what it brings, by path relative to ``site``.
        metadata: header lines beside name and version.
        commands: console scripts.
        extra: further lines of its RECORD.
    """
    folder = f"{name}-1.0.dist-info"
    written = dict(files if files is not None else {f"{name}/__init__.py": b"NAME = 1\n"})
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *metadata]
    written[f"{folder}/METADATA"] = ("\n".join(lines) + "\n\nAbout it.\n").encode()
    if commands:
        points = "".join(f"{command} = {name}:main\n" for command in commands)
        written[f"{folder}/entry_points.txt"] = f"[console_scripts]\n{points}".encode()
    record = [f"{path},{hash_of(content)},{len(content)}" for path, content in written.items()]
    record += [*extra, f"{folder}/RECORD,,"]
    written[f"{folder}/RECORD"] = ("\r\n".join(record) + "\r\n").encode()
    for path, content in written.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return site / folder
