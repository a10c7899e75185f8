"""Tasks in one SQLite file that several instances of an agent on a machine share, and that outlives each of them.

Which instance works on a task is a row; whether that instance lives is a lock on a file beside the database, which the
kernel takes back from a process however it ends. So no clock decides who is dead, and nothing has to be renewed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.types import TERMINAL, StreamResponse, Task
from meshgate.sdk.tasks.stored_task import StoredTask
from meshgate.sdk.tasks.stores import TaskEntry
from meshgate.sdk.tasks.task_file import TaskFile
from meshgate.sdk.tasks.task_state import TaskProjection

__all__ = ["FileTasks"]

_T = TypeVar("_T")


class FileTasks:
    """A ``SharedTasks`` and an ``OwnedTasks`` in a file.

    Args:
        path: the database; it and its folder are made if they are not there.
        limits: ``tasks`` and ``task_seconds`` bound what is stored.
        now: seconds since 1970, the same for all instances.
    """

    def __init__(self, path: Path | str, limits: Limits = DEFAULTS, now: Callable[[], float] = time.time) -> None:
        self._file = TaskFile(Path(path).expanduser(), secrets.token_hex(8), limits, now)
        self._turns, self._poll = limits.task_turns, limits.task_poll
        self._thread: ThreadPoolExecutor | None = None

    async def _run(self, work: Callable[..., _T], *args: Any) -> _T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="meshgate-tasks")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def load(self, task_id: str) -> Task | None:
        """The task as it stands, wherever it is worked on, or None."""
        stored = await self._run(self._file.load, task_id)
        return None if stored is None else _project(stored, self._turns).snapshot()

    async def begin(self, task: Task) -> None:
        """Keep a task that this instance starts to work on."""
        await self._run(self._file.begin, task)

    async def append(self, task_id: str, event: StreamResponse) -> None:
        """Keep an event of a task that is worked on here."""
        await self._run(self._file.append, task_id, event)

    async def save(self, task: Task) -> None:
        """Keep a task that rests."""
        await self._run(self._file.save, task)

    async def follow(self, task_id: str) -> AsyncIterator[StreamResponse]:
        """The task as it stands, then each further event."""
        stored = await self._run(self._file.load, task_id)
        if stored is None:
            return
        task = _project(stored, self._turns)
        yield StreamResponse(task=task.snapshot())
        sequence = stored.sequence
        while task.status.state not in TERMINAL:
            await asyncio.sleep(self._poll)
            for number, event in await self._run(self._file.events, task_id, sequence):
                sequence = number
                task.apply(event)
                yield event

    async def ask_cancel(self, task_id: str) -> None:
        """Tell the instance that works on the task to cancel it."""
        await self._run(self._file.ask_cancel, task_id)

    async def cancels(self) -> list[str]:
        """Tasks of this instance that others want cancelled."""
        return await self._run(self._file.cancels)

    async def own(self, task_id: str, owner: str, label: str = "") -> None:
        """Say whose a task is that is kept next."""
        self._file.own(task_id, owner, label)

    async def owned(self, owner: str) -> list[TaskEntry]:
        """The tasks of an owner, wherever they are worked on."""
        return await self._run(self._file.owned, owner)

    async def aclose(self) -> None:
        """Close the file."""
        if self._thread is not None:
            await self._run(self._file.close)
            self._thread.shutdown(wait=False)
            self._thread = None


def _project(stored: StoredTask, turns: int) -> TaskProjection:
    task = TaskProjection(stored.task, turns)
    for event in stored.events:
        task.apply(event)
    return task
