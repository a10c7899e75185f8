"""Task stores: where an agent keeps its tasks."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Protocol, runtime_checkable

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.types import StreamResponse, Task

__all__ = ["MemoryTasks", "SharedTasks", "TaskStore"]

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
        self._tasks: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def load(self, task_id: str) -> Task | None:
        """The task, or None."""
        kept = self._tasks.get(task_id)
        if kept is None or kept[0] <= self._clock() - self._limits.task_seconds:
            return None
        return _decode(kept[1])

    async def save(self, task: Task) -> None:
        """Keep the task; the oldest go where there are too many."""
        now = self._clock()
        self._tasks.pop(task.id, None)
        self._tasks[task.id] = (now, _encode(task))
        old = now - self._limits.task_seconds
        while self._tasks:
            at, _ = next(iter(self._tasks.values()))
            if at > old and len(self._tasks) <= self._limits.tasks:
                return
            self._tasks.popitem(last=False)

    async def aclose(self) -> None:
        """Nothing is held open."""
