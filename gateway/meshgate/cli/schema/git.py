"""Files as git has them at a commit."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.files import source_of
from meshgate.cli.schema.sources import Source

__all__ = ["read_git"]

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@{}^~+-]{0,255}\Z")


_GIT_SECONDS = 30


_HOOK = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""Variables that git sets for its hooks. They name another repository than the file's."""


def read_git(ref: str, path: str) -> Source:
    """The source that a file was at a commit of its repository.

    Raises:
        CliError: there is no such repository or commit, or the file held no schemas.
    """
    if path == "-":
        raise CliError("--against git:REF needs a file, not standard input", Exit.USAGE)
    if _REF.match(ref) is None or ".." in ref:
        raise CliError(f"{ref!r} is no ref of git", Exit.USAGE, "name a branch, a tag or a commit")
    file = Path(path).resolve()
    top = _git(file.parent, "rev-parse", "--show-toplevel")
    if top.returncode:
        said = top.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise CliError(f"{file.parent} is in no repository that git reads", Exit.USAGE, said.removeprefix("fatal: "))
    root = Path(top.stdout.decode(errors="replace").rstrip("\n"))
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        remedy = "fetch it first; actions/checkout needs fetch-depth: 0"
        raise CliError(f"there is no commit {ref} in {root}", Exit.USAGE, remedy)
    inside, commit = file.relative_to(root.resolve()).as_posix(), found.stdout.decode().strip()
    blob = _git(root, "cat-file", "blob", f"{commit}:{inside}")
    place = f"at {ref}"
    name = f"{inside} {place}"
    return Source(name, place) if blob.returncode else source_of(blob.stdout, name, place)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git. No shell is involved, and callers check every argument from outside."""
    environ = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            check=False,
            env=environ,
            stdin=subprocess.DEVNULL,
            timeout=_GIT_SECONDS,
        )
    except FileNotFoundError:
        raise CliError("git is not installed, or not on the PATH", Exit.USAGE) from None
    except subprocess.TimeoutExpired:
        raise CliError(f"git did not answer within {_GIT_SECONDS} s", Exit.USAGE) from None
