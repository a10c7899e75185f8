"""A folder of files named by their digests, where a gateway keeps documents and images of contracts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from meshgate.registry.limits import blob_digest

__all__ = ["BlobFolder"]

log = structlog.get_logger(__name__)


class BlobFolder:
    """Reads and writes the files. Every method blocks, so it belongs in a thread.

    Args:
        path: the folder; it is made with the first file, for its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, digest: str) -> bool:
        """Whether there is a file for the digest."""
        return digest.isalnum() and (self.path / digest).exists()

    def read(self, digest: str) -> bytes | None:
        """The bytes of that digest; None if there is no file, or its content has another digest."""
        if not digest.isalnum():
            return None
        try:
            data = (self.path / digest).read_bytes()
        except OSError:
            return None
        return data if blob_digest(data) == digest else None

    def write(self, digest: str, data: bytes) -> None:
        """Keep the bytes. A failure is logged: the registry still has them."""
        if not digest.isalnum():
            return
        path = self.path / digest
        try:
            if not (path.exists() and path.stat().st_size == len(data)):
                _write(path, data)
        except OSError as error:
            log.warning("schema_not_kept", path=str(path), reason=str(error))

    def sweep(self, used: frozenset[str], most: int) -> None:
        """Delete the files that are not used, and the oldest of the others beyond ``most`` bytes."""
        kept = 0
        for needed, _, size, path in sorted(self._files(used), reverse=True):
            kept += size
            if not needed or kept > most:
                path.unlink(missing_ok=True)

    def _files(self, used: frozenset[str]) -> Iterator[tuple[bool, float, int, Path]]:
        """For each file: whether it is used, when it was written, its size. A name with a dot in front is a file that
        is being written.
        """
        for path in self.path.iterdir() if self.path.is_dir() else ():
            with suppress(FileNotFoundError):  # another gateway of this home deleted it first
                facts = path.stat()
                if not path.name.startswith("."):
                    yield path.name in used, facts.st_mtime, facts.st_size, path


def _write(path: Path, data: bytes) -> None:
    """Write the file under another name and rename it, so that no reader sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
