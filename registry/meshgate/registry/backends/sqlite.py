"""The file registry's SQLite statements: synchronous, for one worker thread.

Tables: ``instances`` (a row a lease; ``epoch`` names a registration, ``renewals`` counts), ``manifests``, ``blobs``,
``switches``, ``subjects`` (``changed`` counts the writes, so that a reader asks for what is new). All values are the
JSON of the model's types.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.backends.model import Rows
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import blob_digest, is_subject
from meshgate.registry.model import Entry, Instance, Manifest, Switch, Unread

__all__ = ["FORMAT", "Reader", "Store"]

FORMAT = 1
"""The layout's number, in ``PRAGMA user_version``."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, renewals INTEGER NOT NULL, data BLOB NOT NULL, manifest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifests (digest TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS switches (
    kind TEXT NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subjects (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subjects_changed ON subjects (changed);
CREATE TABLE IF NOT EXISTS epochs (last INTEGER NOT NULL);
INSERT INTO epochs SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM epochs);
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made (for its owner's eyes only) if it does not exist.

    Raises:
        RegistryUnavailable: a newer Meshgate wrote it.
        sqlite3.Error, OSError: it cannot be opened.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            raise RegistryUnavailable(f"{path} was written by a newer Meshgate (format {found}): upgrade this one")
        _use_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        # Files of 0.1.0 have format 1 without subjects, and 0.1.0 does not mind them.
        if found < FORMAT or not _has_subjects(connection):
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_log(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # SQLite does not wait here while another process switches the new file to the log: then it is switched.
        if "locked" not in str(error):
            raise


def _has_subjects(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'subjects_changed'").fetchone())


class Store:
    """Writes, and reads by key. Every method runs in the one thread that made the store."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def register(self, instance: Instance, manifest: bytes) -> None:
        """Replace the instance's row under a new epoch, after its manifest.

        Raises:
            InvalidParams: the manifest neither came along nor is stored.
        """
        with self._writing() as db:
            if manifest:
                db.execute("INSERT OR IGNORE INTO manifests VALUES (?, ?)", (instance.manifest, manifest))
            elif instance.kind == "agent" and self._blob("manifests", instance.manifest) is None:
                raise InvalidParams("this manifest is not stored: send it with the registration")
            db.execute("UPDATE epochs SET last = last + 1")
            epoch = db.execute("SELECT last FROM epochs").fetchone()[0]
            row = (instance.id, epoch, 0, msgspec.json.encode(instance), instance.manifest)
            db.execute("INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?)", row)

    def renew(self, instance_id: str) -> bool:
        """Count one renewal; False if there is no such row."""
        with self._writing() as db:
            return db.execute("UPDATE instances SET renewals = renewals + 1 WHERE id = ?", (instance_id,)).rowcount > 0

    def deregister(self, instance_id: str) -> None:
        """Delete the row."""
        with self._writing() as db:
            db.execute("DELETE FROM instances WHERE id = ?", (instance_id,))

    def reap(self, instance_id: str, epoch: int, renewals: int) -> None:
        """Delete the row unless it was renewed since it was seen like this."""
        with self._writing() as db:
            where = "id = ? AND epoch = ? AND renewals = ?"
            db.execute(f"DELETE FROM instances WHERE {where}", (instance_id, epoch, renewals))  # noqa: S608 (constant)

    def manifest(self, digest: str) -> bytes | None:
        """The manifest's bytes, or None."""
        return self._blob("manifests", digest)

    def put_blob(self, data: bytes) -> str:
        """Keep ``data`` under its digest, which is returned."""
        digest = blob_digest(data)
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, data))
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """The blob, or None."""
        return self._blob("blobs", digest)

    def subject(self, name: str) -> str:
        """The digest that a subject points to, or ""."""
        found = self._db.execute("SELECT digest FROM subjects WHERE name = ?", (name,)).fetchone()
        return "" if found is None else str(found[0])

    def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """Point a subject elsewhere if it points to ``expected``, on the disk before this returns."""
        self._db.execute("PRAGMA synchronous=FULL")
        try:
            with self._writing() as db:
                if self.subject(name) != expected:
                    return False
                last = db.execute("SELECT max(changed) FROM subjects").fetchone()[0] or 0
                db.execute("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?)", (name, digest, last + 1))
                return True
        finally:
            self._db.execute("PRAGMA synchronous=NORMAL")

    def throw(self, switch: Switch) -> None:
        """Keep the switch, on the disk before this returns: a power cut must not lift it."""
        self._durably("INSERT OR REPLACE INTO switches VALUES (?, ?, ?)", (switch.kind, switch.name, switch.reason))

    def lift(self, switch: Switch) -> None:
        """Forget the switch, on the disk before this returns."""
        self._durably("DELETE FROM switches WHERE kind = ? AND name = ?", (switch.kind, switch.name))

    def _durably(self, statement: str, values: tuple[str, ...]) -> None:
        self._db.execute("PRAGMA synchronous=FULL")
        try:
            with self._writing() as db:
                db.execute(statement, values)
        finally:
            self._db.execute("PRAGMA synchronous=NORMAL")

    def _blob(self, table: str, digest: str) -> bytes | None:
        found = self._db.execute(f"SELECT data FROM {table} WHERE digest = ?", (digest,)).fetchone()  # noqa: S608
        return None if found is None else bytes(found[0])


class Reader:
    """Reads everything, as often as something changed.

    It has a connection of its own, because ``data_version`` tells only of what other connections wrote.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
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
        """What the file holds, or None if nothing was written since the last call."""
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
        # What cannot be read is timed by nobody here: whether it renews at all is among what cannot be read.
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
