"""The index of the tasks that went through a gateway: whose they are, and where they stand. In memory, and bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from meshgate.a2a.codec.timestamps import seconds_of, timestamp_of
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.payload import Payload
from meshgate.a2a.task_event import task_event
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery

__all__ = ["TaskIndex"]

Owner = tuple[str, bytes]
"""A tenant, and the hash of a principal (``TaskTags.owner``)."""


class _Row(msgspec.Struct):
    task: KnownTask
    owner: Owner
    seen: float


class TaskIndex:
    """Remembers the tasks of each owner, those of which something was heard last.

    An owner is who began the task, as its id says; so nobody sees a task here that it could not read by its id.

    Args:
        tags: read the owners of task ids.
        wall: seconds since 1970.
        limits: ``known_tasks`` and ``known_task_seconds``.
    """

    def __init__(self, tags: TaskTags, wall: Callable[[], float], limits: Limits = DEFAULTS) -> None:
        self.tags = tags
        self._wall = wall
        self._limits = limits
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._owned: dict[Owner, dict[str, _Row]] = {}
        self._since = wall()

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, event: Payload, tenant: str, agent: str) -> None:
        """Take note of an event of a reply, in the caller's ids; of one that tells no task's state nothing is noted."""
        task_id, state, _ = task_event(event)
        if not task_id:
            return
        now = self._wall()
        row = self._rows.get(task_id)
        if row is None:
            tag = self.tags.read(task_id)
            if tag is None:
                return
            owner = tenant, tag.owner
            row = self._rows[task_id] = _Row(_task(event, task_id, agent, state, now), owner, now)
            self._owned.setdefault(owner, {})[task_id] = row
            self._forget(now)
            return
        row.seen = now
        self._rows.move_to_end(task_id)
        told = _task(event, task_id, agent, state, now)
        if not told.context and row.task.context:  # an event may leave it out
            told = msgspec.structs.replace(told, context=row.task.context)
        # An agent that says no times has been in a state since it was seen there first.
        if told.state != row.task.state or told.time not in (row.task.time, now):
            row.task = told

    def of(self, tenant: str, owner: bytes, query: TaskQuery) -> KnownTasks:
        """The tasks of an owner that are asked for, in order."""
        self._forget(self._wall())
        rows = [row.task for row in self._owned.get((tenant, owner), {}).values() if query.takes(row.task)]
        rows.sort(key=lambda row: row.place)
        return KnownTasks(rows, len(rows), self._since)

    def _forget(self, now: float) -> None:
        old = now - self._limits.known_task_seconds
        while self._rows:
            task_id, row = next(iter(self._rows.items()))
            if row.seen >= old and len(self._rows) <= self._limits.known_tasks:
                break
            del self._rows[task_id]
            self._since = max(self._since, row.seen)
            own = self._owned[row.owner]
            del own[task_id]
            if not own:
                del self._owned[row.owner]


def _task(event: Payload, task_id: str, agent: str, state: str, now: float) -> KnownTask:
    tree = event.tree()
    body = tree.get("task") or tree.get("statusUpdate") or tree
    told = body["status"].get("timestamp") or ""
    time = seconds_of(told)
    return KnownTask(
        task_id,
        agent,
        body.get("contextId") or "",
        state,
        told if time is not None else timestamp_of(now),
        now if time is None else time,
    )
