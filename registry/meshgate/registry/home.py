"""The home folder, ``$MESHGATE_HOME``: a mesh on one machine leaves its addresses and development keys there, so that
agents and clients find it without configuration.

The folder has mode 0700 and ``run.json`` in it 0600. A file that others can read, or could have written, is refused:
the keys in it are in clear.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Home", "HomeError", "Run"]

_MAX = 64 * 1024


class HomeError(Exception):
    """A file in the home cannot be used; the message says what to do."""


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A running mesh: ``run.json``."""

    pid: int
    """Process that ``meshgate up`` runs as."""
    gateway: str
    """Base URL of the data plane over HTTP."""
    join: str
    """Base URL of the join port."""
    admin: str
    """Base URL of the admin port."""
    grpc: str = ""
    """``host:port`` of the data plane over gRPC, if it is served."""
    client_key: str = ""
    join_key: str = ""
    admin_key: str = ""


class Home:
    """One home folder.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Home:
        """The home that ``MESHGATE_HOME`` names, else ``~/.meshgate``."""
        return cls(environ.get("MESHGATE_HOME") or "~/.meshgate")

    @property
    def run_file(self) -> Path:
        """The path of ``run.json``."""
        return self.path / "run.json"

    def ensure(self) -> Path:
        """The folder, made with mode 0700 if it is not there.

        Raises:
            HomeError: it belongs to somebody else, or others may look into it.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(self.path, self.path.stat(), remedy=f"chmod 700 {self.path}")
        return self.path

    def read(self) -> Run | None:
        """The running mesh, or None if there is no file.

        Raises:
            HomeError: others may read the file, or it cannot be understood.
        """
        try:
            descriptor = os.open(self.run_file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HomeError(f"{self.run_file} cannot be read: {error.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            _check_owner(self.run_file, os.fstat(file.fileno()), remedy=f"chmod 600 {self.run_file}")
            data = file.read(_MAX)
        try:
            return msgspec.json.decode(data, type=Run)
        except msgspec.DecodeError as error:
            raise HomeError(f"{self.run_file} is damaged ({error}): delete it and run 'meshgate up' again") from None

    def write(self, run: Run) -> None:
        """Replace ``run.json`` in one step, readable by its owner alone.

        Raises:
            HomeError: see ``ensure``.
        """
        folder = self.ensure()
        descriptor, name = tempfile.mkstemp(dir=folder, prefix="run.", suffix=".tmp")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.run_file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def remove(self, pid: int) -> None:
        """Delete ``run.json`` if it is the one of process ``pid``, so that a later mesh keeps its own."""
        try:
            run = self.read()
        except HomeError:
            return
        if run is not None and run.pid == pid:
            self.run_file.unlink(missing_ok=True)


def _check_owner(path: Path, found: os.stat_result, remedy: str) -> None:
    if os.name != "posix":
        return  # modes mean nothing there; a profile folder is private by its access list
    if found.st_uid not in (os.getuid(), 0):
        raise HomeError(f"{path} belongs to another user: set MESHGATE_HOME to a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeError(f"{path} holds keys, and other users may read it: {remedy}")
