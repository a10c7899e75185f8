"""The file registry's SQLite statements: synchronous, for one worker thread.

Tables: ``instances`` (a row a lease; ``epoch`` names a registration, ``renewals`` counts), ``manifests``, ``blobs``,
``switches``, ``subjects`` (``changed`` counts the writes, so that a reader asks for what is new), ``stamps`` (how often
a manifest or blob was stored). Values are the model's types as JSON.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import blob_digest
from meshgate.registry.model import Instance, Switch

__all__ = ["FORMAT", "Store", "check_same", "connect"]

FORMAT = 1
"""The layout's number, in ``PRAGMA user_version``."""

_SHRINK = 1024 * 1024
"""Bytes of a file that nothing uses from which it is written anew, which takes a moment."""

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
CREATE TABLE IF NOT EXISTS stamps (digest TEXT PRIMARY KEY, stamp INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (last INTEGER NOT NULL);
INSERT INTO epochs SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM epochs);
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made (readable for its owner only) if it does not exist.

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
        # Files of 0.1.0 have format 1 without subjects and stamps, and 0.1.0 ignores these tables.
        if found < FORMAT or not _is_complete(connection):
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def check_same(path: Path, inode: int) -> None:
    """Check that a connection still has the file that stands at the path.

    Raises:
        RegistryUnavailable: the file was deleted or replaced, so what is written here nobody reads.
    """
    try:
        found = path.stat().st_ino
    except FileNotFoundError:
        found = 0
    if found != inode:
        raise RegistryUnavailable(f"the registry file {path} was deleted or replaced: it is opened again")


def _use_log(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # SQLite does not wait here while another process switches the new file to the log: then it is switched.
        if "locked" not in str(error):
            raise


def _is_complete(connection: sqlite3.Connection) -> bool:
    latest = "SELECT count(*) FROM sqlite_master WHERE name IN ('subjects_changed', 'stamps')"
    return bool(connection.execute(latest).fetchone()[0] == 2)


class Store:
    """Writes, and reads by key. Every method runs in the one thread that made the store."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self.inode = path.stat().st_ino

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
            InvalidParams: the manifest was not sent, and is not stored.
        """
        with self._writing() as db:
            if manifest:
                db.execute("INSERT OR IGNORE INTO manifests VALUES (?, ?)", (instance.manifest, manifest))
                _stamp(db, instance.manifest)
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
            _stamp(db, digest)
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """The blob, or None."""
        return self._blob("blobs", digest)

    def documents(self) -> frozenset[str]:
        """The digests of all manifests and blobs."""
        rows = self._db.execute("SELECT digest FROM manifests UNION SELECT digest FROM blobs").fetchall()
        return frozenset(str(row[0]) for row in rows)

    def stamp(self, digest: str) -> int | None:
        """How often a manifest or blob was stored, 0 by a release that did not count; None if there is none."""
        if self._blob("manifests", digest) is None and self._blob("blobs", digest) is None:
            return None
        found = self._db.execute("SELECT stamp FROM stamps WHERE digest = ?", (digest,)).fetchone()
        return 0 if found is None else int(found[0])

    def discard(self, digest: str, stamp: int) -> bool:
        """Delete a manifest or blob that no row names and that was not stored again."""
        with self._writing() as db:
            named = db.execute("SELECT 1 FROM instances WHERE manifest = ?", (digest,)).fetchone()
            if named or self.stamp(digest) != stamp:
                return False
            for table in ("manifests", "blobs", "stamps"):
                db.execute(f"DELETE FROM {table} WHERE digest = ?", (digest,))  # noqa: S608 (constant)
            return True

    def shrink(self) -> None:
        """Give the space of what was deleted back to the disk, if it is much."""
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        size = self._db.execute("PRAGMA page_size").fetchone()[0]
        if free * size > _SHRINK:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

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


def _stamp(db: sqlite3.Connection, digest: str) -> None:
    db.execute("INSERT INTO stamps VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET stamp = stamp + 1", (digest,))
