"""Tasks of a list as their caller reads them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import Limits
from meshgate.a2a.lists.task_list import ListTasksRequest
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload, payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import GetTaskRequest, Task
from meshgate.gateway.routing.agent_lists import ToldTask
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.gateway.tasks.known_task import KnownTask

__all__ = ["ListReader", "hand_over"]

_GET = METHODS["GetTask"]


class _Told(msgspec.Struct, frozen=True):
    """The fact that the answer to a ``GetTask`` is known already."""

    task: Payload


async def hand_over(call: Call) -> Reply:
    """The task that its agent told in a list, as the answer to a ``GetTask``."""
    return Reply.one(call.facts[_Told].task)


class ListReader:
    """Reads tasks by ``GetTask``: afresh at their agents, or from what these have told in a list.

    Args:
        tasks: finds a task's agent, for those who may read it.
        read: takes a ``GetTask`` to the agent.
        told: takes one by the same policies to ``hand_over``.
        now: monotonic seconds.
        limits: ``task_read``.
    """

    def __init__(
        self, tasks: TaskOwner, read: Handler, told: Handler, now: Callable[[], float], limits: Limits
    ) -> None:
        self._tasks, self._read, self._told = tasks, read, told
        self._now, self._limits = now, limits

    async def task(self, call: Call, request: ListTasksRequest, row: KnownTask) -> dict[str, Any]:
        """A task as it stands; where it cannot be read, what is known of it."""
        asked = payload_of(GetTaskRequest(id=row.id, history_length=request.history_length))
        until = min(call.deadline, self._now() + self._limits.task_read)
        changes: dict[str, Any] = {"task_id": row.id, "context_id": "", "deadline": until, "target": None}
        get = msgspec.structs.replace(call, method=_GET, payload=asked, **changes)
        tree: dict[str, Any] = {
            "id": row.id,
            "status": {"state": row.state},
            **({"contextId": row.context} if row.context else {}),
        }
        with suppress(MeshError):
            routed = self._tasks.route(get, None)
            if isinstance(row, ToldTask):
                reply = await self._told(routed.with_fact(_Told(JsonPayload(Task, row.tree))))
            else:
                reply = await self._read(routed)
            tree = (await reply.answer()).tree()
        shown = {key: value for key, value in tree.items() if key != "artifacts" or request.include_artifacts}
        if not shown["status"].get("timestamp"):
            shown["status"] = {**shown["status"], "timestamp": row.timestamp}
        return shown
