"""A task as its events tell it: the one place where an event changes a task, for agents and for clients.

Pure: no clock, no loop, no store.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from meshgate.a2a.mesh.headers import PROGRESS
from meshgate.a2a.types import (
    INTERRUPTED,
    Artifact,
    Message,
    Part,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
)

__all__ = ["TaskFold"]


class _Growing:
    """An artifact to which chunks are added; text that follows text is one part of it."""

    __slots__ = ("_artifact", "_parts", "_texts")

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._parts: list[Part] = []
        self._texts: list[str] = []
        self.add(artifact.parts)

    def add(self, parts: list[Part]) -> None:
        for part in parts:
            if isinstance(part.text, str) and _bare(part):
                self._texts.append(part.text)
            else:
                self._join()
                self._parts.append(part)

    def _join(self) -> None:
        if not self._texts:
            return
        before = self._parts[-1] if self._parts else None
        if before is not None and isinstance(before.text, str) and _bare(before):
            self._texts.insert(0, before.text)
            self._parts.pop()
        self._parts.append(Part(text="".join(self._texts)))
        self._texts = []

    def artifact(self) -> Artifact:
        self._join()
        return msgspec.structs.replace(self._artifact, parts=list(self._parts))


def _bare(part: Part) -> bool:
    return not part.metadata and not part.filename and not part.media_type


class TaskFold:
    """A task that events are applied to.

    Args:
        task: where it stands at first.
        turns: most messages its history keeps, the latest ones.
    """

    def __init__(self, task: Task, turns: int = 100) -> None:
        self._turns = turns
        self._start(task)

    def _start(self, task: Task) -> None:
        self.id = task.id
        self.context_id = task.context_id
        self.status: TaskStatus = task.status
        self.metadata: dict[str, Any] = dict(task.metadata)
        self._history = list(task.history)
        self._artifacts = {artifact.artifact_id: _Growing(artifact) for artifact in task.artifacts}
        self._task: Task | None = task

    def apply(self, event: StreamResponse) -> None:
        """Take an event in. A message is none of a task's, so it changes nothing."""
        self._task = None
        if event.status_update is not UNSET:
            update = event.status_update
            if self.status.message is not None and self.status.state in INTERRUPTED:
                self.heard(self.status.message)  # a question is part of the conversation; a line of progress is not
            self.status = update.status
            self.metadata.update({key: value for key, value in update.metadata.items() if key != PROGRESS})
        elif event.artifact_update is not UNSET:
            self._artifact(event.artifact_update)
        elif event.task is not UNSET:
            self._start(event.task)

    def _artifact(self, update: TaskArtifactUpdateEvent) -> None:
        growing = self._artifacts.get(update.artifact.artifact_id)
        if update.append and growing is not None:
            growing.add(update.artifact.parts)
        else:
            self._artifacts[update.artifact.artifact_id] = _Growing(update.artifact)

    def heard(self, message: Message) -> None:
        """Add a message to the history."""
        self._task = None
        self._history.append(message)
        if len(self._history) > self._turns:
            del self._history[: len(self._history) - self._turns]

    def task(self) -> Task:
        """The task as it stands."""
        if self._task is None:
            self._task = Task(
                id=self.id,
                context_id=self.context_id,
                status=self.status,
                artifacts=[growing.artifact() for growing in self._artifacts.values()],
                history=list(self._history),
                metadata=dict(self.metadata),
            )
        return self._task
