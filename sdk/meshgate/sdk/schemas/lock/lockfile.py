"""The lock file: the numbers of all contracts of a project, as JSON that people read and commit.

::

    {
      "format": 1,
      "contracts": {
        "shop/price": {
          "enums": {},
          "messages": {
            "Order": {"names": {"item": 1, "count": 2}, "next": 4, "reserved": {"3": "colour"}}
          },
          "texts": []
        }
      },
      "releases": {...}
    }

A key of ``contracts`` is AGENT/SKILL, so several agents may share a file. Every number below ``next`` is in ``names``
or in ``reserved``; that is how a reservation that somebody took out is noticed. ``releases`` (``released.py``) holds
what was made of the numbers and the types; it is written again from them and never read to give a number.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from meshgate.a2a.codec.strict_json import is_object
from meshgate.sdk.schemas.errors import BadLock
from meshgate.sdk.schemas.lock.format import RESTORE, decode_lock, encode_lock
from meshgate.sdk.schemas.lock.numbers import Numbering

__all__ = ["check_writable", "locked", "read_lock", "read_releases", "write_lock"]

_LARGEST = 16 * 1024 * 1024


def read_lock(path: Path) -> dict[str, Numbering]:
    """The numberings in a lock file; none if there is no file.

    Raises:
        BadLock: it cannot be used.
    """
    data = _data(path)
    return decode_lock(data, str(path)) if data is not None else {}


def read_releases(path: Path) -> dict[str, Any]:
    """The entries of the releases in a lock file that :func:`read_lock` took, as they stand there."""
    data = _data(path)
    found: Any = json.loads(data).get("releases") if data is not None else None
    return found if is_object(found) else {}


_WRITABLE = "make the folder writable, or commit the file and set MESHGATE_CONTRACTS=frozen"


def _data(path: Path) -> bytes | None:
    """The bytes of a file, None if there is no file."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadLock(f"{path}: {error.strerror}: make it a file that the agent can read") from None
    if len(data) > _LARGEST:
        raise BadLock(f"{path}: more than {_LARGEST} bytes: {RESTORE}")
    return data


def write_lock(path: Path, contracts: Mapping[str, Numbering], releases: Mapping[str, Any] | None = None) -> None:
    """Put a lock file in the place of what is there, all of it or nothing.

    Raises:
        BadLock: the folder or the file cannot be written, or there is too much to write.
    """
    try:
        data = encode_lock(contracts, releases)
    except (RecursionError, UnicodeEncodeError):  # of entries that somebody wrote by hand
        raise BadLock(f"{path}: 'releases' holds what cannot be written again: {RESTORE}") from None
    if len(data) > _LARGEST:
        raise BadLock(f"{path}: would have more than {_LARGEST} bytes: give each agent a lock file of its own")
    path = Path(os.path.realpath(path))  # a link stays one
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(OSError):
                Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadLock(f"{path}: cannot be written ({error.strerror}): {_WRITABLE}") from None


def check_writable(path: Path) -> None:
    """Refuse a lock file that ``write_lock`` could not replace, before anything depends on it.

    Raises:
        BadLock: its folder cannot be written.
    """
    folder = Path(os.path.realpath(path)).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadLock(f"{path}: cannot be written (permission denied): {_WRITABLE}")


@contextlib.contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold an exclusive lock on the lock file while the block runs, against all processes of this machine.

    Raises:
        BadLock: its folder is not there.
    """
    import fcntl

    try:
        folder = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
    except OSError as error:
        raise BadLock(f"{path.parent}: {error.strerror}: make the folder that the lock file is to be in") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
