"""The last known state on disk, for a gateway that starts while its registry is away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from meshgate.registry.model import Delta, Entry, Instance, Manifest, Switch

__all__ = ["read_snapshot", "write_snapshot"]

FORMAT = 1


class _File(msgspec.Struct, frozen=True):
    format: int
    instances: list[Instance] = []
    manifests: dict[str, Manifest] = {}
    switches: list[Switch] = []
    subjects: dict[str, str] = {}


def write_snapshot(
    path: Path, entries: Iterable[Entry], switches: tuple[Switch, ...], subjects: Mapping[str, str] | None = None
) -> None:
    """Put the state into ``path``, whole or not at all, readable for its owner only, on the disk before this returns.

    Raises:
        OSError: it cannot be written.
    """
    listed = list(entries)
    manifests = {entry.instance.manifest: entry.manifest for entry in listed if entry.instance.manifest}
    instances = [entry.instance for entry in listed]
    data = msgspec.json.encode(_File(FORMAT, instances, manifests, list(switches), dict(subjects or {})))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes files of mode 0600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is in the folder, which is a file of its own to the disk. Windows has no such thing.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_snapshot(path: Path) -> Delta | None:
    """The state in ``path`` as a reset delta, or None if there is no file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no snapshot of this format.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is no registry snapshot: {error}") from error
    if found.format != FORMAT:
        raise ValueError(f"{path} has format {found.format}, this Meshgate reads {FORMAT}")
    put = tuple(Entry.of(instance, found.manifests.get(instance.manifest)) for instance in found.instances)
    return Delta(put=put, switches=tuple(found.switches), subjects=found.subjects, reset=True)
