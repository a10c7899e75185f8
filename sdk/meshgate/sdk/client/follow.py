"""Follows a task that an agent answered with before it was done, to its end or to its question."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from meshgate.a2a.errors import AccessError, MeshError, TaskNotFound, UpstreamDeadline
from meshgate.a2a.methods import METHODS
from meshgate.a2a.types import GetTaskRequest, SubscribeToTaskRequest, Task, TaskState
from meshgate.sdk.client.rpc import RpcClient

__all__ = ["follow", "is_open"]

_SUBSCRIBE, _GET = METHODS["SubscribeToTask"], METHODS["GetTask"]
_OPEN = frozenset({TaskState.SUBMITTED, TaskState.WORKING, TaskState.UNSPECIFIED})
_PAUSE, _LONGEST = 0.2, 5.0
"""Seconds between two looks at a task whose agent does not stream: the first pause, doubling up to the longest."""


def is_open(task: Task) -> bool:
    """Whether the agent still works on a task."""
    return task.status.state in _OPEN


async def follow(rpc: RpcClient, task: Task, ends: float) -> Task:
    """The task once it has ended or asks something: by SubscribeToTask, and by GetTask where that is not offered.

    Args:
        ends: when the caller stops waiting, on the loop's clock.

    Raises:
        UpstreamDeadline: with the task's id in its metadata; the task goes on.
        TaskNotFound, AccessError: it is not there any more, or not this key's.
    """
    loop, pause = asyncio.get_running_loop(), 0.0
    try:
        await _subscribe(rpc, task, ends - loop.time())
    except UpstreamDeadline:
        raise _late(task) from None
    while True:
        if loop.time() + pause >= ends:
            raise _late(task)
        await asyncio.sleep(pause)
        pause = min(max(2 * pause, _PAUSE), _LONGEST)
        try:
            answer, _ = await rpc.unary(_GET, GetTaskRequest(id=task.id), "/", ends - loop.time(), {})
        except (TaskNotFound, AccessError):
            raise
        except MeshError as error:
            # Reading changes nothing, so what may pass is tried again until the time is over.
            pause = max(pause, error.retry_after or 0.0)
            continue
        found: Task = answer.view()
        if not is_open(found):
            return found


async def _subscribe(rpc: RpcClient, task: Task, seconds: float) -> None:
    """Wait for the event that ends the task or asks something; return at once where the agent does not stream."""
    request = SubscribeToTaskRequest(id=task.id)
    try:
        async with aclosing(rpc.events(_SUBSCRIBE, request, "/", seconds, {})) as events:
            async for event in events:
                if event.final:
                    return
    except (TaskNotFound, AccessError, UpstreamDeadline):
        raise
    except MeshError:
        return  # it has ended meanwhile, or nobody streams it: GetTask tells


def _late(task: Task) -> UpstreamDeadline:
    text = f"the call's deadline has passed, and the task goes on: read it by its id, {task.id[:64]}"
    return UpstreamDeadline(text, metadata={"task": task.id})
