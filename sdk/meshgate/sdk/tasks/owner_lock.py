"""Locks by which instances that share a task file know which of them live.

The kernel releases the lock of a process however it ends, so no clock decides and nothing has to be renewed.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = []


def lock_file(path: Path, owner: str) -> Path:
    return path.with_name(f"{path.name}.{owner}.lock")


def _flock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class OwnerLock:
    """Holds the lock of this instance for as long as it lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        _flock(self._descriptor)

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not _flock(descriptor):
            return True
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
