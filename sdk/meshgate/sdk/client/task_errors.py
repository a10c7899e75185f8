"""The errors by which a task ends without a result."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.errors import AgentError, MeshError
from meshgate.a2a.mesh.cause import Cause, read_cause
from meshgate.a2a.types import (
    Task,
    TaskState,
    TaskStatus,
)
from meshgate.sdk.skills.content import text_in

__all__ = ["TaskCancelled", "TaskFailed", "TaskRejected", "cause_of", "check_ended"]


class TaskFailed(MeshError):
    """The task ended without a result.

    Attributes:
        task: all that is known of it.
        cause: the error at the root of it, if the agent failed because a call of its own did.
        target: what was called.
    """

    code, summary = "TASK_FAILED", "the task failed"

    def __init__(
        self, message: str = "", task: Task | None = None, *, cause: Cause | None = None, target: str = ""
    ) -> None:
        super().__init__(message)
        self.task, self.cause, self.target = task, cause, target


class TaskRejected(TaskFailed):
    """The agent does not take on this task."""

    code, summary = "TASK_REJECTED", "the agent rejected the task"


class TaskCancelled(TaskFailed):
    """The task was cancelled."""

    code, summary = "TASK_CANCELLED", "the task was cancelled"


_ENDED: dict[TaskState, type[TaskFailed]] = {
    TaskState.FAILED: TaskFailed,
    TaskState.REJECTED: TaskRejected,
    TaskState.CANCELED: TaskCancelled,
}


def check_ended(status: TaskStatus, task: Task | None, metadata: dict[str, Any], target: str = "") -> None:
    """Raise if a status says that the task ended without a result.

    Args:
        metadata: of the event that told it.
        target: what was called.

    Raises:
        TaskFailed, TaskRejected, TaskCancelled: with the text that the agent gave.
    """
    cls = _ENDED.get(status.state)
    if cls is not None:
        text = text_in(status.message.parts) if status.message is not None else ""
        raise cls(text, task, cause=read_cause(metadata), target=target)


def cause_of(error: MeshError, place: str = "") -> Cause:
    """The cause that an error stands for: the one that came with it, else itself.

    Args:
        place: the agent and skill that met the error, ``planner.plan``; "" for a caller outside the mesh.
    """
    if isinstance(error, TaskFailed):
        cause = error.cause or Cause(error.code, error.message, error.target or place)
    else:
        code = error.metadata.get("agentReason", error.code) if isinstance(error, AgentError) else error.code
        cause = Cause(code, error.message, error.metadata.get("path") or place)
    return cause.above(place) if place else cause
