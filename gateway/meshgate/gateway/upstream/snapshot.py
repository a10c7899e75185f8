"""Streams that begin with their task: 1.0 wants it (specification 1.0.1, sections 3.1.2 and 3.1.6), 0.3 does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse, TaskState

__all__ = ["with_snapshot"]

_UPDATES = ("statusUpdate", "artifactUpdate")


async def with_snapshot(reply: Reply, read: Callable[[str], Awaitable[Payload | None]]) -> Reply:
    """An agent's reply whose first event is the task, or a message. What is known from the agent then is in the task.

    Args:
        read: reads a task by the agent's id.

    Raises:
        InvalidAgentResponse: the reply has no event.
        MeshError: the reply failed before its first event.
    """
    first = await anext(reply, None)
    if first is None:
        raise InvalidAgentResponse("the agent ended its stream without an event")
    begin = [first]
    tree = first.tree()
    update: dict[str, Any] | None = next((tree[key] for key in _UPDATES if key in tree), None)
    if update is not None:
        task = await read(update["taskId"])
        begin.insert(0, JsonPayload(StreamResponse, {"task": task.tree() if task is not None else _task_of(update)}))

    async def events() -> AsyncIterator[Payload]:
        for event in begin:
            yield event
        async for event in reply:
            yield event

    return Reply(events(), reply.head, reply.aclose)


def _task_of(update: dict[str, Any]) -> dict[str, Any]:
    """What an update tells of its task."""
    status = update.get("status") or {"state": TaskState.WORKING.value}
    context = {"contextId": update["contextId"]} if update.get("contextId") else {}
    return {"id": update["taskId"], **context, "status": status}
