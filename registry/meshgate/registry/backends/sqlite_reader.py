"""Reads the file registry's tables for a watch: synchronous, for one worker thread."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from meshgate.registry.backends.model import Rows
from meshgate.registry.backends.sqlite import check_same, connect
from meshgate.registry.limits import is_subject
from meshgate.registry.model import Entry, Instance, Manifest, Switch, Unread

__all__ = ["Reader"]


class Reader:
    """Reads the whole registry whenever another connection has changed it.

    It has a connection of its own, because ``PRAGMA data_version`` ignores what its own connection wrote.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._path, self._inode = path, path.stat().st_ino
        self._version = -1
        self._entries: dict[str, tuple[int, Entry | Unread]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._subjects: dict[str, str] = {}
        self._odd_subjects: set[object] = set()
        self._changed = 0

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def poll(self) -> Rows | None:
        """What the file holds, or None if nothing was written since the last call.

        Raises:
            RegistryUnavailable: the file is no longer the one that was opened.
        """
        check_same(self._path, self._inode)
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return None
        self._db.execute("BEGIN")
        try:
            counters = {
                key: (epoch, renewals)
                for key, epoch, renewals in self._db.execute("SELECT id, epoch, renewals FROM instances")
            }
            switches = self._db.execute("SELECT kind, name, reason FROM switches").fetchall()
            self._read_subjects()
            self._entries = {key: self._entry(key, epoch) for key, (epoch, _) in counters.items()}
        finally:
            self._db.execute("COMMIT")
        self._version = version
        return self._rows(counters, switches)

    def _rows(self, counters: Mapping[str, tuple[int, int]], switches: list[tuple[object, ...]]) -> Rows:
        entries = {key: entry for key, (_, entry) in self._entries.items() if isinstance(entry, Entry)}
        used = {entry.instance.manifest for entry in entries.values()}
        self._manifests = {key: value for key, value in self._manifests.items() if key in used}
        unread: dict[str, Unread] = {
            f"instances/{key}": why for key, (_, why) in self._entries.items() if not isinstance(why, Entry)
        }
        unread |= {f"subjects/{name}": "subject" for name in self._odd_subjects}
        known: list[Switch] = []
        for kind, name, reason in switches:
            if isinstance(kind, str) and isinstance(name, str) and isinstance(reason, str):
                known.append(Switch(kind, name, reason))
            else:
                unread[f"switches/{kind}/{name}"] = "switch"
        # A row that cannot be read is not timed, so that it is never deleted: it may hold a lease that never ends.
        timed = {key: counters[key] for key in entries}
        return Rows(entries, timed, tuple(sorted(known)), self._subjects, unread)

    def _read_subjects(self) -> None:
        new = self._db.execute(
            "SELECT name, digest, changed FROM subjects WHERE changed > ?", (self._changed,)
        ).fetchall()
        if new:
            proper = {name: digest for name, digest, _ in new if is_subject(name, digest)}
            odd = {name for name, _, _ in new} - proper.keys()
            # Replaced, not changed: others hold the one before.
            self._subjects = {name: digest for name, digest in (self._subjects | proper).items() if name not in odd}
            self._odd_subjects = (self._odd_subjects - proper.keys()) | odd
            self._changed = max(changed for _, _, changed in new)

    def _entry(self, key: str, epoch: int) -> tuple[int, Entry | Unread]:
        known = self._entries.get(key)
        if known is not None and known[0] == epoch:
            return known
        data = self._db.execute("SELECT data FROM instances WHERE id = ?", (key,)).fetchone()[0]
        try:
            instance = msgspec.json.decode(data, type=Instance)
        except (msgspec.DecodeError, TypeError):
            return epoch, "unreadable"
        if instance.id != key:
            return epoch, "unreadable"
        manifest = self._manifest(instance.manifest)
        return epoch, "manifest" if manifest is None and instance.manifest else Entry.of(instance, manifest)

    def _manifest(self, digest: str) -> Manifest | None:
        """The manifest, or None if there is none or it cannot be read."""
        if digest and digest not in self._manifests:
            with closing(self._db.execute("SELECT data FROM manifests WHERE digest = ?", (digest,))) as found:
                row = found.fetchone()
            try:
                self._manifests[digest] = Manifest.decode(row[0])
            except (msgspec.DecodeError, TypeError):
                return None
        return self._manifests.get(digest)
