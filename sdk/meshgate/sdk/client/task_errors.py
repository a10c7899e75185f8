"""The errors by which a task ends without a result."""

from __future__ import annotations

from meshgate.a2a.errors import MeshError
from meshgate.a2a.types import (
    Task,
    TaskState,
    TaskStatus,
)
from meshgate.sdk.skills.content import text_in

__all__ = ["TaskCancelled", "TaskFailed", "TaskRejected", "check_ended"]


class TaskFailed(MeshError):
    """The task ended without a result. ``task`` is all that is known of it."""

    code, summary = "TASK_FAILED", "the task failed"

    def __init__(self, message: str = "", task: Task | None = None) -> None:
        super().__init__(message)
        self.task = task


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


def check_ended(status: TaskStatus, task: Task | None) -> None:
    """Raise if a status says that the task ended without a result.

    Raises:
        TaskFailed, TaskRejected, TaskCancelled: with the text that the agent gave.
    """
    cls = _ENDED.get(status.state)
    if cls is not None:
        raise cls(text_in(status.message.parts) if status.message is not None else "", task)
