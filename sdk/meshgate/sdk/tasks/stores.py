"""Task stores: where an agent keeps its tasks."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Protocol, runtime_checkable

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.types import StreamResponse, Task, TaskState
from meshgate.sdk.tasks.task_state import TaskProjection

__all__ = ["MemoryTasks", "OwnedTasks", "SharedTasks", "TaskEntry", "TaskStore"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Task).decode


class TaskStore(Protocol):
    """Keeps tasks. An agent writes each of its tasks when it starts to wait and when it ends."""

    async def load(self, task_id: str) -> Task | None:
        """The task, or None."""
        ...

    async def save(self, task: Task) -> None:
        """Keep the task, replacing what was kept of it."""
        ...

    async def aclose(self) -> None:
        """Give back what the store holds open."""
        ...


@runtime_checkable
class SharedTasks(TaskStore, Protocol):
    """A store that several instances of an agent share, so that each can answer for the tasks of all."""

    async def begin(self, task: Task) -> None:
        """Keep a task that this instance starts to work on; ``save`` when it rests."""
        ...

    async def append(self, task_id: str, event: StreamResponse) -> None:
        """Keep an event of a task that is worked on here."""
        ...

    def follow(self, task_id: str) -> AsyncIterator[StreamResponse]:
        """The task as it stands, then its further events, of a task that another instance works on. It ends with the
        event that ends the task; if that instance is gone, with one that says so.
        """
        ...

    async def ask_cancel(self, task_id: str) -> None:
        """Tell the instance that works on the task to cancel it."""
        ...

    async def cancels(self) -> list[str]:
        """Tasks of this instance whose cancelling was asked for since the last time."""
        ...


class TaskEntry(msgspec.Struct, frozen=True):
    """Where a task stands, as a list needs it."""

    id: str
    context_id: str
    state: TaskState
    timestamp: str
    """When it entered that state (RFC 3339); "" where that is not known."""
    label: str = ""
    """What ``own`` was told with the owner."""

    @staticmethod
    def of(task: Task | TaskProjection, label: str = "") -> TaskEntry:
        """The entry of a task."""
        return TaskEntry(task.id, task.context_id, task.status.state, task.status.timestamp or "", label)


@runtime_checkable
class OwnedTasks(TaskStore, Protocol):
    """A store that knows whose its tasks are, so that callers can list theirs."""

    async def own(self, task_id: str, owner: str, label: str = "") -> None:
        """Say whose a task is, right before it is kept for the first time. It is nobody else's later.

        Args:
            owner: ``Caller.owner`` of who began it.
            label: a text of the gateway's, to be kept with the owner: with it a gateway shows the task under the id
                that its caller knows. "" for a call that came past the gateway.
        """
        ...

    async def owned(self, owner: str) -> list[TaskEntry]:
        """The tasks of an owner that are kept, in any order. What was kept without an owner is nobody's."""
        ...


class _Kept(msgspec.Struct):
    at: float
    body: bytes
    entry: TaskEntry
    owner: str | None


class MemoryTasks:
    """Tasks in memory, the latest ones, for a while: what one instance needs that shares nothing.

    Args:
        limits: ``tasks`` and ``task_seconds`` bound what is kept.
        clock: monotonic seconds.
    """

    def __init__(self, limits: Limits = DEFAULTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        # As bytes: ten thousand trees of small objects would be walked by every full garbage collection.
        self._tasks: OrderedDict[str, _Kept] = OrderedDict()
        self._owners: dict[str, tuple[str, str]] = {}

    async def load(self, task_id: str) -> Task | None:
        """The task, or None."""
        kept = self._tasks.get(task_id)
        if kept is None or kept.at <= self._clock() - self._limits.task_seconds:
            return None
        return _decode(kept.body)

    async def save(self, task: Task) -> None:
        """Keep the task; the oldest go where there are too many."""
        now = self._clock()
        before = self._tasks.pop(task.id, None)
        owner, label = self._owners.pop(task.id, (None, ""))
        if before is not None:
            owner, label = before.owner, before.entry.label
        self._tasks[task.id] = _Kept(now, _encode(task), TaskEntry.of(task, label), owner)
        old = now - self._limits.task_seconds
        while self._tasks:
            oldest = next(iter(self._tasks.values()))
            if oldest.at > old and len(self._tasks) <= self._limits.tasks:
                return
            self._tasks.popitem(last=False)

    async def own(self, task_id: str, owner: str, label: str = "") -> None:
        """Say whose a task is that is kept next."""
        self._owners[task_id] = owner, label

    async def owned(self, owner: str) -> list[TaskEntry]:
        """The tasks of an owner."""
        old = self._clock() - self._limits.task_seconds
        return [kept.entry for kept in self._tasks.values() if kept.owner == owner and kept.at > old]

    async def aclose(self) -> None:
        """Nothing is held open."""
