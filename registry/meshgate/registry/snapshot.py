"""The snapshot: the last known state of a registry on disk, for a gateway that starts while the registry is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from meshgate.registry.home import write_private
from meshgate.registry.limits import is_subject
from meshgate.registry.model import Delta, Entry, Instance, Manifest, Switch, Unread

__all__ = ["read_snapshot", "write_snapshot"]

FORMAT = 1

T = TypeVar("T")


class _File(msgspec.Struct, frozen=True):
    """The file, its rows as they are written: a row that a later release wrote must not make the others unreadable."""

    format: int
    instances: list[msgspec.Raw] = []
    manifests: dict[str, msgspec.Raw] = {}
    switches: list[msgspec.Raw] = []
    subjects: dict[str, Any] = {}


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
    content: dict[str, object] = {"format": FORMAT, "instances": instances, "manifests": manifests}
    data = msgspec.json.encode(content | {"switches": switches, "subjects": dict(subjects or {})})
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, data)


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
    return _delta(found)


def _delta(found: _File) -> Delta:
    unread: dict[str, Unread] = {}
    put: list[Entry] = []
    manifests = {digest: _read(raw, Manifest) for digest, raw in found.manifests.items()}
    for number, raw in enumerate(found.instances):
        instance = _read(raw, Instance)
        if instance is None:
            unread[f"instances/{number}"] = "unreadable"
        elif instance.manifest and manifests.get(instance.manifest) is None:
            unread[f"instances/{number}"] = "manifest"
        else:
            put.append(Entry.of(instance, manifests.get(instance.manifest)))
    switches = [_read(raw, Switch) for raw in found.switches]
    unread |= {f"switches/{number}": "switch" for number, switch in enumerate(switches) if switch is None}
    known = tuple(switch for switch in switches if switch is not None)
    subjects = {name: digest for name, digest in found.subjects.items() if is_subject(name, digest)}
    unread |= {f"subjects/{name}": "subject" for name in found.subjects.keys() - subjects.keys()}
    return Delta(put=tuple(put), switches=known, subjects=subjects, unread=unread or None, reset=True)


def _read(raw: msgspec.Raw, cls: type[T]) -> T | None:
    """The value, or None if this release cannot read it."""
    try:
        return msgspec.json.decode(raw, type=cls)
    except msgspec.DecodeError:
        return None
