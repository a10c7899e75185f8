"""The SQLite statements of ``FileTasks``: synchronous, for one worker thread.

Tables: ``tasks`` (a snapshot each, with the instance that works on it, or none), ``events`` (what happened since the
snapshot), ``cancels`` (asked for by another instance), ``owned`` (whose a task is, and where it
stands), ``labels`` (of owned tasks that have one). The last two are tables and no columns of the first: an instance of
an older release can go on writing the same file. WAL with ``synchronous=NORMAL``: what was written survives any
process, not a loss of power.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import UNSET

from meshgate.a2a.codec.timestamps import timestamp_of
from meshgate.a2a.limits import Limits
from meshgate.a2a.types import (
    INTERRUPTED,
    TERMINAL,
    Message,
    Part,
    Role,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from meshgate.sdk.tasks.owner_lock import OwnerLock, is_held, lock_file
from meshgate.sdk.tasks.stored_task import StoredTask
from meshgate.sdk.tasks.stores import TaskEntry

__all__ = ["TaskFile"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, ended REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ended ON tasks (ended) WHERE ended IS NOT NULL;
CREATE TABLE IF NOT EXISTS events (
    task TEXT NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (task, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cancels (task TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owned (
    task TEXT PRIMARY KEY, caller TEXT NOT NULL, context TEXT NOT NULL, state TEXT NOT NULL, timestamp TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS callers ON owned (caller);
CREATE TABLE IF NOT EXISTS labels (task TEXT PRIMARY KEY, label TEXT NOT NULL) WITHOUT ROWID;
"""
_SWEEP = 500
"""Tasks saved between two looks for old ones."""

_encode = msgspec.json.encode
_task = msgspec.json.Decoder(Task).decode
_event = msgspec.json.Decoder(StreamResponse).decode


class TaskFile:
    """The task file, as one instance reads and writes it.

    Args:
        owner: names this instance in it.
        now: seconds since 1970.
    """

    def __init__(self, path: Path, owner: str, limits: Limits, now: Callable[[], float]) -> None:
        self._path = path
        self._owner = owner
        self._limits = limits
        self._now = now
        self._database: sqlite3.Connection | None = None
        self._lock: OwnerLock | None = None
        self._sequences: dict[str, int] = {}
        self._callers: dict[str, tuple[str, str]] = {}
        self._saved = 0

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, timeout=self._limits.task_lock, isolation_level=None)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.executescript(_SCHEMA)
            self._lock = OwnerLock(lock_file(self._path, self._owner))
            self._database = database
        return self._database

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection, None, None]:
        database = self._open()
        # IMMEDIATE takes the write lock now: a transaction that reads first could fail when it comes to write.
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def begin(self, task: Task) -> None:
        """Keep a task as worked on by this instance."""
        with self._write() as database:
            sequence = self._last(database, task.id) + 1
            self._replace(database, task, self._owner, sequence, None)
            self._sequences[task.id] = sequence

    def append(self, task_id: str, event: StreamResponse) -> None:
        """Keep an event of a task of this instance."""
        sequence = self._sequences[task_id] = self._sequences.get(task_id, 0) + 1
        row = (task_id, sequence, _encode(event))
        if event.status_update is UNSET:
            self._open().execute("INSERT INTO events VALUES (?, ?, ?)", row)
            return
        with self._write() as database:
            database.execute("INSERT INTO events VALUES (?, ?, ?)", row)
            self._stand(database, task_id, event.status_update.status)

    def save(self, task: Task) -> None:
        """Keep a task that rests. Its events stay a while, for those who follow them."""
        ended = self._now() if task.status.state in TERMINAL else None
        owner = self._owner if task.status.state in INTERRUPTED else ""
        with self._write() as database:
            sequence = self._sequences.pop(task.id, None)
            if sequence is None:
                sequence = self._last(database, task.id)
            self._replace(database, task, owner, sequence, ended)
            database.execute("DELETE FROM cancels WHERE task = ?", (task.id,))
            # Old tasks are looked for once in a while: the search costs more than a save.
            self._saved += 1
            if self._saved % _SWEEP == 1:
                self._sweep(database)

    def _replace(
        self, database: sqlite3.Connection, task: Task, owner: str, sequence: int, ended: float | None
    ) -> None:
        row = (task.id, owner, sequence, _encode(task), ended)
        database.execute("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?)", row)
        caller, label = self._callers.pop(task.id, (None, ""))
        if caller is not None:
            entry = TaskEntry.of(task)
            owned = (entry.id, caller, entry.context_id, entry.state, entry.timestamp)
            new = database.execute("INSERT OR IGNORE INTO owned VALUES (?, ?, ?, ?, ?)", owned).rowcount
            if new and label:
                database.execute("INSERT OR REPLACE INTO labels VALUES (?, ?)", (task.id, label))
        self._stand(database, task.id, task.status)

    def _stand(self, database: sqlite3.Connection, task_id: str, status: TaskStatus) -> None:
        """Write down for lists where a task stands that is somebody's."""
        row = (status.state, status.timestamp or "", task_id)
        database.execute("UPDATE owned SET state = ?, timestamp = ? WHERE task = ?", row)

    def _last(self, database: sqlite3.Connection, task_id: str) -> int:
        found = database.execute(
            "SELECT max(sequence) FROM (SELECT sequence FROM tasks WHERE id = ? "
            "UNION ALL SELECT sequence FROM events WHERE task = ?)",
            (task_id, task_id),
        ).fetchone()
        return int(found[0] or 0)

    def _sweep(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM tasks WHERE ended < ?", (self._now() - self._limits.task_seconds,))
        database.execute(
            "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE ended IS NOT NULL ORDER BY ended DESC "
            "LIMIT -1 OFFSET ?)",
            (self._limits.tasks,),
        )
        database.execute("DELETE FROM events WHERE task NOT IN (SELECT id FROM tasks)")
        database.execute("DELETE FROM owned WHERE task NOT IN (SELECT id FROM tasks)")
        database.execute("DELETE FROM labels WHERE task NOT IN (SELECT id FROM tasks)")

    def own(self, task_id: str, caller: str, label: str) -> None:
        """Say whose a task is; it is written with the task."""
        self._callers[task_id] = caller, label

    def owned(self, caller: str) -> list[TaskEntry]:
        """Where the tasks of a caller stand. Those whose instances are gone are ended first."""
        database = self._open()
        working = database.execute(
            "SELECT id, owner FROM owned JOIN tasks ON tasks.id = owned.task WHERE caller = ? AND owner != ''",
            (caller,),
        ).fetchall()
        gone = {owner for owner in {owner for _, owner in working} if self._is_orphan(owner)}
        for task_id, owner in working:
            if owner in gone:
                self._end_orphan(task_id)
        rows = database.execute(
            "SELECT owned.task, context, state, timestamp, coalesce(label, '') FROM owned "
            "JOIN tasks ON tasks.id = owned.task LEFT JOIN labels ON labels.task = owned.task WHERE caller = ?",
            (caller,),
        )
        return [TaskEntry(task, context, TaskState(state), *more) for task, context, state, *more in rows]

    def load(self, task_id: str) -> StoredTask | None:
        """The task as it is stored. A task whose instance is gone is ended first."""
        found = self._read(task_id)
        if found is not None and self._is_orphan(found[0]):
            self._end_orphan(task_id)
            found = self._read(task_id)
        return None if found is None else found[1]

    def _read(self, task_id: str) -> tuple[str, StoredTask] | None:
        database = self._open()
        row = database.execute("SELECT owner, sequence, body FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if row is None:
            return None
        events = self._events(database, task_id, row[1])
        sequence = events[-1][0] if events else row[1]
        return row[0], StoredTask(_task(row[2]), [event for _, event in events], sequence)

    def events(self, task_id: str, after: int) -> list[tuple[int, StreamResponse]]:
        """The events after number ``after``. A task whose instance is gone is ended first."""
        database = self._open()
        row = database.execute("SELECT owner FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if row is not None and self._is_orphan(row[0]):
            self._end_orphan(task_id)
        return self._events(database, task_id, after)

    def _events(self, database: sqlite3.Connection, task_id: str, after: int) -> list[tuple[int, StreamResponse]]:
        rows = database.execute(
            "SELECT sequence, body FROM events WHERE task = ? AND sequence > ? ORDER BY sequence", (task_id, after)
        )
        return [(sequence, _event(body)) for sequence, body in rows]

    def _is_orphan(self, owner: str) -> bool:
        return bool(owner) and owner != self._owner and not is_held(lock_file(self._path, owner))

    def _end_orphan(self, task_id: str) -> None:
        with self._write() as database:
            row = database.execute("SELECT owner FROM tasks WHERE id = ?", (task_id,)).fetchone()
            if row is None or not self._is_orphan(row[0]):
                return  # another instance ended it between our look and our lock
            found = self._read(task_id)
            if found is None:
                return
            sequence = found[1].sequence + 1
            status = _instance_gone(found[1].task, timestamp_of(self._now()))
            event = StreamResponse(status_update=TaskStatusUpdateEvent(task_id, status, found[1].task.context_id))
            database.execute("INSERT INTO events VALUES (?, ?, ?)", (task_id, sequence, _encode(event)))
            # The snapshot stays, and the event ends the task for those who follow it by number.
            database.execute("UPDATE tasks SET owner = '', ended = ? WHERE id = ?", (self._now(), task_id))
            self._stand(database, task_id, status)

    def ask_cancel(self, task_id: str) -> None:
        """Leave a request for the instance that works on the task."""
        self._open().execute("INSERT OR IGNORE INTO cancels VALUES (?)", (task_id,))

    def cancels(self) -> list[str]:
        """Take the requests that were left for this instance."""
        database = self._open()
        rows = database.execute(
            "SELECT task FROM cancels JOIN tasks ON tasks.id = cancels.task WHERE owner = ?", (self._owner,)
        ).fetchall()
        for row in rows:
            database.execute("DELETE FROM cancels WHERE task = ?", row)
        return [row[0] for row in rows]

    def close(self) -> None:
        """Close the database and let go of the lock."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _instance_gone(task: Task, timestamp: str) -> TaskStatus:
    text = "the instance that worked on this task is gone"
    message = Message(
        message_id=f"{task.id}-gone",
        role=Role.AGENT,
        parts=[Part(text=text)],
        task_id=task.id,
        context_id=task.context_id,
    )
    return TaskStatus(TaskState.FAILED, message, timestamp)
