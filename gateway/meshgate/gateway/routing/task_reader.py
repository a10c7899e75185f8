"""Asks agents about tasks in a caller's name, when no call of its own is open."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import A2AMessage
from meshgate.gateway.routing.task_owner import TaskOwner

__all__ = ["TaskReader"]


class TaskReader:
    """Takes operations on tasks through the policies of calls. They belong to no job, and no record is kept of them.

    Args:
        read: the policies of calls, and the way to the agent.
        new_id: draws ids of calls.
    """

    def __init__(self, read: Handler, tasks: TaskOwner, new_id: Callable[[], str]) -> None:
        self._read, self._tasks, self._new_id = read, tasks, new_id

    async def __call__(self, base: Call, method: str, request: A2AMessage, until: float, /) -> Reply:
        """The agent's reply, in the ids and the release of the caller of ``base``.

        Raises:
            TaskNotFound: there is no such task, or it is not the caller's.
        """
        operation = METHODS[method]
        asked = msgspec.structs.replace(
            base,
            id=self._new_id(),
            method=operation,
            payload=payload_of(request),
            task_id=getattr(request, operation.task_field),
            message_id="",
            context_id="",
            target=None,
            route=None,
            lineage=None,
            deadline=until,
            avoid=frozenset[str](),
        )
        return await self._read(self._tasks.route(asked, None))
