"""Keeps what replies tell of tasks in the index of tasks."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.tasks.task_index import TaskIndex

__all__ = ["IndexTasks"]


class IndexTasks:
    """Notes the tasks of each reply, in the ids and for the eyes of its caller."""

    name = "task_index"

    def __init__(self, index: TaskIndex) -> None:
        self._index = index

    def admit(self, call: Call, /) -> Call:
        return call

    def replied(self, call: Call, reply: Reply, /) -> None:
        index, tenant, agent = self._index, call.principal.tenant, call.route.agent if call.route is not None else ""

        def note(event: Payload) -> Payload:
            index.note(event, tenant, agent)
            return event

        reply.map(note)
