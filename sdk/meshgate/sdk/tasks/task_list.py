"""``ListTasks`` at an agent (specification 1.0.1, 3.1.4): a caller's own tasks, at work and in the store."""

from __future__ import annotations

import hashlib

import msgspec

from meshgate.a2a.codec.timestamps import seconds_of
from meshgate.a2a.errors import UnsupportedOperation
from meshgate.a2a.limits import Limits
from meshgate.a2a.lists.page_token import PageTokens, Place, place_in, place_of
from meshgate.a2a.lists.task_list import USUAL_TASKS, ListTasksRequest, ListTasksResponse, earliest
from meshgate.a2a.mesh.headers import LABEL_KEY
from meshgate.a2a.types import Task, TaskState
from meshgate.sdk.tasks.stores import OwnedTasks, TaskEntry, TaskStore
from meshgate.sdk.tasks.workload import Workload

__all__ = ["TaskList", "with_history"]

_SEAL = 8
"""Bytes of the hash that binds a page token to its question."""

_encode = msgspec.json.encode


class TaskList:
    """Lists an owner's tasks, page by page: the youngest states first, then by id.

    Args:
        store: where tasks are kept.
        workload: what is worked on here, of which the store may not know yet.
        limits: ``task_page`` is the size at which a page ends early.
    """

    def __init__(self, store: TaskStore, workload: Workload, limits: Limits) -> None:
        self._store = store
        self._owned = store if isinstance(store, OwnedTasks) else None
        self._workload = workload
        self._limits = limits

    async def page(self, request: ListTasksRequest, owner: str, begin: str | None = None) -> ListTasksResponse:
        """The page that is asked for.

        Args:
            owner: ``Caller.owner`` of who asks.
            begin: what a gateway says of the place where the list begins for it (the header ``TASKS_AFTER``); it is
                told the tasks' labels too.

        Raises:
            UnsupportedOperation: the store does not know whose its tasks are.
            InvalidParams: the page token is of another question or owner, or the time or the place is none.
        """
        after = earliest(request)
        tokens = _tokens(request, owner, after)
        last = tokens.read(request.page_token) if request.page_token else place_in(begin) if begin else None
        # What ends meanwhile leaves the workload for the store, so the workload is looked at first.
        runs = self._workload.of(owner)
        running = {run.task.id: run.task for run in runs}
        entries = {entry.id: entry for entry in await self._kept(owner)}
        entries |= {run.task.id: TaskEntry.of(run.task, run.label) for run in runs}
        found = sorted((entry for entry in entries.values() if _takes(request, after, entry)), key=_place)
        rest = [entry for entry in found if last is None or _place(entry) > last]
        size = request.page_size or USUAL_TASKS
        tasks: list[Task] = []
        taken = length = 0
        for entry in rest[:size]:
            run = running.get(entry.id)
            task = run.snapshot() if run is not None else await self._store.load(entry.id)
            if task is not None and _is_in(request, task.status.state):
                task = _shown(task, request)
                if begin is not None:
                    task = _labelled(task, entry.label)
                length += len(_encode(task))
                if tasks and length > self._limits.task_page:
                    break
                tasks.append(task)
            taken += 1
        token = tokens.make(_place(rest[taken - 1])) if taken < len(rest) else ""
        tasks.sort(key=lambda task: _place(TaskEntry.of(task)))  # some may have gone on since they were listed
        return ListTasksResponse(tasks, token, size, len(found))

    async def _kept(self, owner: str) -> list[TaskEntry]:
        if self._owned is None:
            raise UnsupportedOperation(
                "this agent's store does not know whose its tasks are: give it the methods of OwnedTasks (own, owned)"
            )
        return await self._owned.owned(owner)


def _tokens(request: ListTasksRequest, owner: str, after: float | None) -> PageTokens:
    """Those of one question. No key is needed: with another place in it a token leads to nothing of somebody else's."""
    asked = _encode((owner, request.context_id, request.status, after))
    return PageTokens(lambda place: hashlib.blake2b(asked + place, digest_size=_SEAL).digest())


def _is_in(request: ListTasksRequest, state: TaskState) -> bool:
    return request.status in (TaskState.UNSPECIFIED, state)


def _takes(request: ListTasksRequest, after: float | None, entry: TaskEntry) -> bool:
    """Whether a task is asked for."""
    return (
        request.context_id in ("", entry.context_id)
        and _is_in(request, entry.state)
        and (after is None or (seconds_of(entry.timestamp) or 0.0) >= after)
    )


def _place(entry: TaskEntry) -> Place:
    return place_of(entry.timestamp, entry.id)


def _shown(task: Task, request: ListTasksRequest) -> Task:
    task = with_history(task, request.history_length)
    return task if request.include_artifacts or not task.artifacts else msgspec.structs.replace(task, artifacts=[])


def _labelled(task: Task, label: str) -> Task:
    """The task with its label; what a skill put in that place is none."""
    metadata = {key: value for key, value in task.metadata.items() if key != LABEL_KEY}
    return msgspec.structs.replace(task, metadata={**metadata, LABEL_KEY: label} if label else metadata)


def with_history(task: Task, length: int | None) -> Task:
    """The task with at most so many messages of its history (section 3.2.4)."""
    if length is None or length >= len(task.history):
        return task
    return msgspec.structs.replace(task, history=task.history[-length:] if length else [])
