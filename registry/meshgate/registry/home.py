"""The home folder, ``$MESHGATE_HOME``: a mesh on one machine leaves its addresses and development keys there, so that
agents and clients find it without configuration.

The folder has mode 0700 and ``run.json`` in it 0600. A file that others can read, or could have written, is refused:
the keys in it are in clear.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Home", "HomeError", "Run", "disk_fault", "write_private"]

_MAX = 64 * 1024


class HomeError(Exception):
    """A file in the home cannot be used; the message says what to do."""


_ANOTHER = "or choose another folder with MESHGATE_HOME"
_REMEDIES: dict[int, tuple[str, str]] = {
    errno.ENOTDIR: ("a file stands where a folder is needed", f"move it away, {_ANOTHER}"),
    errno.EEXIST: ("a file stands where a folder is needed", f"move it away, {_ANOTHER}"),
    errno.EISDIR: ("a folder stands where a file is needed", f"move it away, {_ANOTHER}"),
    errno.EACCES: ("you may not write there", f"change its owner or mode, {_ANOTHER}"),
    errno.EPERM: ("you may not write there", f"change its owner or mode, {_ANOTHER}"),
    errno.EROFS: ("its disk is read-only", "choose another folder with MESHGATE_HOME"),
    errno.ENOSPC: ("its disk is full", f"free some space, {_ANOTHER}"),
    errno.EDQUOT: ("your share of its disk is used up", f"free some space, {_ANOTHER}"),
    errno.ENOENT: ("no folder can be made there", "choose another folder with MESHGATE_HOME"),
    errno.ELOOP: ("it is a link", f"put a file or a folder in its place, {_ANOTHER}"),
    errno.ENAMETOOLONG: ("its name is too long", "choose a shorter folder with MESHGATE_HOME"),
}
"""What is wrong with a file or a folder, and what to do about it, by the number of the system's error."""


def disk_fault(error: OSError, path: Path | str, what: str = "") -> HomeError:
    """What the system says of a file or a folder, in a sentence with its remedy.

    Args:
        what: what the path is for.
    """
    named = f"{what} {path}" if what else f"{path}"
    wrong, remedy = _REMEDIES.get(error.errno or 0, (error.strerror or str(error), "look at the file"))
    return HomeError(f"{named} cannot be used: {wrong}: {remedy}")


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
    def name(self) -> str:
        """What names this home in a registry that others share: made from its path and its machine."""
        text = f"{socket.gethostname()}\0{self.path.resolve()}"
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()

    @property
    def run_file(self) -> Path:
        """The path of ``run.json``."""
        return self.path / "run.json"

    def ensure(self) -> Path:
        """The folder, made with mode 0700 if it is not there.

        Raises:
            HomeError: it cannot be made, belongs to somebody else, or others may look into it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise disk_fault(error, self.path, "the home") from None
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
            raise disk_fault(error, self.run_file) from None
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
        self.ensure()
        try:
            write_private(self.run_file, msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
        except OSError as error:
            raise disk_fault(error, self.run_file) from None

    def remove(self, pid: int) -> None:
        """Delete ``run.json`` if it is the one of process ``pid``, so that a later mesh keeps its own."""
        try:
            run = self.read()
        except HomeError:
            return
        if run is not None and run.pid == pid:
            self.run_file.unlink(missing_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step, readable by its owner alone; a crash leaves the old one or the new one, whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is in the folder, which has to be written to the disk as well; not so on Windows.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _check_owner(path: Path, found: os.stat_result, remedy: str) -> None:
    if os.name != "posix":
        return  # modes mean nothing there; a profile folder is private by its access list
    if found.st_uid not in (os.getuid(), 0):
        raise HomeError(f"{path} belongs to another user: set MESHGATE_HOME to a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeError(f"{path} holds keys, and other users may read it: {remedy}")
