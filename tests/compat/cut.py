"""Keeps a release for the tests of later ones: its wheel, and what it leaves on disk and wire.

    .venv/bin/python -m tests.compat.cut wheel             builds this checkout's wheel and keeps it
    .venv/bin/python -m tests.compat.cut golden VERSION    runs the kept wheel and keeps what it writes

What is kept of a release is never changed: either command may be given again, and refuses to replace anything by
something else. The first wants a checkout without changes, whose version the changelog has a date for.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.compat.releases import GOLDEN, WHEELS, install, kept
from tests.e2e.environments import ROOT, build_wheel

__all__ = ["Refused", "keep_golden", "keep_wheel", "version_to_release"]

GROWING = {"index.json"}
"""What says more when more is read; the tests compare it with the release."""
BY_SQLITE = (".sqlite",)
"""Files whose bytes depend on SQLite's version; what they say does not."""


class Refused(Exception):
    """Nothing was changed; the message says what to do."""


def version_to_release(pyproject: str, changelog: str, changes: str) -> str:
    """The version of a checkout, which has to be ready to be released.

    Args:
        changes: what git says of files that are not committed.

    Raises:
        Refused: it is not.
    """
    version = str(tomllib.loads(pyproject)["project"]["version"])
    if re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE) is None:
        raise Refused(f"CHANGELOG.md has no '## {version} - YYYY-MM-DD': date it, or set the version in pyproject.toml")
    if changes.strip():
        raise Refused(f"not everything is committed, so nobody could build this wheel again:\n{changes}")
    return version


def keep_wheel(wheel: Path, folder: Path = WHEELS) -> Path:
    """Keep a wheel: a copy in the folder.

    Raises:
        Refused: another one of the same version is kept.
    """
    kept = folder / wheel.name
    if kept.exists() and kept.read_bytes() != wheel.read_bytes():
        raise Refused(f"{kept.name} was released with other content: raise the version")
    shutil.copyfile(wheel, kept)
    return kept


def keep_golden(made: Path, folder: Path) -> list[str]:
    """Keep the files that a release wrote; the names of those that are new.

    Raises:
        Refused: one that is kept has other content, or is gone.
    """
    before = {file.name: file for file in folder.iterdir()} if folder.exists() else {}
    after = {file.name: file for file in made.iterdir()}
    changed = sorted(name for name, file in before.items() if not _stays(file, after))
    if changed:
        raise Refused(
            f"{folder.name} wrote these otherwise: {', '.join(changed)}: change tools/golden.py, not the files"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in after.items():
        if name not in before or name in GROWING:
            shutil.copyfile(file, folder / name)
    return sorted(after.keys() - before.keys())


def _stays(file: Path, after: Mapping[str, Path]) -> bool:
    if file.name not in after:
        return False
    return file.name in GROWING or file.suffix in BY_SQLITE or after[file.name].read_bytes() == file.read_bytes()


def _wheel() -> None:
    status = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    version = version_to_release(
        (ROOT / "pyproject.toml").read_text(), (ROOT / "CHANGELOG.md").read_text(), status.stdout
    )
    with tempfile.TemporaryDirectory() as scratch:
        kept = keep_wheel(build_wheel(Path(scratch)))
    sys.stdout.write(f"{kept.relative_to(ROOT)}\nnow: python -m tests.compat.cut golden {version}\n")


def _golden(version: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made"
        install(kept()[version], Path(scratch)).program("tools.golden", made)
        new = keep_golden(made, GOLDEN / version)
        listed = len(json.loads((GOLDEN / version / "index.json").read_text("utf-8")))
    sys.stdout.write(f"{listed} files of {version} are kept, {len(new)} of them new\nnow: commit tests/compat\n")


def main() -> int:
    """Do what the arguments say."""
    words: dict[str, Callable[..., None]] = {"wheel": _wheel, "golden": _golden}
    word, *arguments = sys.argv[1:] or [""]
    if word not in words or len(arguments) != (word == "golden"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        words[word](*arguments)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
