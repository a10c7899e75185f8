"""The state of a task as its events make it: the one place where an event changes a task, for agents and for clients.

Pure functions of events: no clock, no event loop, no store.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh.headers import CONTINUES, PROGRESS
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

__all__ = ["TaskProjection"]


class _Growing:
    """A part, and the content of those that go on with it."""

    __slots__ = ("name", "part", "pieces", "plain")

    def __init__(self, part: Part) -> None:
        self.name = "text" if isinstance(part.text, str) else "raw" if isinstance(part.raw, str) else ""
        self.plain = _plain_text(part) is not None
        if CONTINUES in part.metadata:
            kept = {key: value for key, value in part.metadata.items() if key != CONTINUES}
            part = msgspec.structs.replace(part, metadata=kept)
        self.part = part
        self.pieces: list[str] = [getattr(part, self.name)] if self.name else []

    def takes(self, part: Part) -> bool:
        """Whether a part goes on with this one; if so, it is added."""
        if self.plain and (text := _plain_text(part)) is not None:
            self.pieces.append(text)
            return True
        more = getattr(part, self.name) if self.name and part.metadata.get(CONTINUES) is True else UNSET
        if isinstance(more, str):
            self.pieces.append(more)
        return isinstance(more, str)

    def build(self) -> Part:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
            change: dict[str, Any] = {self.name: self.pieces[0]}
            self.part = msgspec.structs.replace(self.part, **change)
        return self.part


class _ArtifactBuilder:
    """Joins the chunks of an artifact: text that follows text becomes one part, and so does what says it goes on."""

    __slots__ = ("_artifact", "_parts")

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._parts: list[_Growing] = []
        self.add(artifact.parts)

    def add(self, parts: list[Part]) -> None:
        for part in parts:
            if not self._parts or not self._parts[-1].takes(part):
                self._parts.append(_Growing(part))

    def build(self) -> Artifact:
        return msgspec.structs.replace(self._artifact, parts=[part.build() for part in self._parts])


def _plain_text(part: Part) -> str | None:
    """The text of a part that holds nothing else, or None."""
    alone = not part.metadata and not part.filename and not part.media_type
    return part.text if alone and isinstance(part.text, str) else None


class TaskProjection:
    """A task that events are applied to.

    Args:
        task: where it stands at first.
        turns: most messages its history keeps, the latest ones.
    """

    def __init__(self, task: Task, turns: int = DEFAULTS.task_turns) -> None:
        self._turns = turns
        self._reset(task)

    def _reset(self, task: Task) -> None:
        self.id = task.id
        self.context_id = task.context_id
        self.status: TaskStatus = task.status
        self.metadata: dict[str, Any] = dict(task.metadata)
        self._history = list(task.history)
        self._artifacts = {artifact.artifact_id: _ArtifactBuilder(artifact) for artifact in task.artifacts}
        self._snapshot: Task | None = task

    def apply(self, event: StreamResponse) -> None:
        """Change the task by an event. A plain message belongs to no task, so it changes nothing."""
        self._snapshot = None
        if event.status_update is not UNSET:
            update = event.status_update
            if self.status.message is not None and self.status.state in INTERRUPTED:
                self.add_message(
                    self.status.message
                )  # a question is part of the conversation; a line of progress is not
            self.status = update.status
            self.metadata.update({key: value for key, value in update.metadata.items() if key != PROGRESS})
        elif event.artifact_update is not UNSET:
            self._apply_artifact(event.artifact_update)
        elif event.task is not UNSET:
            self._reset(event.task)

    def _apply_artifact(self, update: TaskArtifactUpdateEvent) -> None:
        builder = self._artifacts.get(update.artifact.artifact_id)
        if update.append and builder is not None:
            builder.add(update.artifact.parts)
        else:
            self._artifacts[update.artifact.artifact_id] = _ArtifactBuilder(update.artifact)

    def add_message(self, message: Message) -> None:
        """Add a message to the history."""
        self._snapshot = None
        self._history.append(message)
        if len(self._history) > self._turns:
            del self._history[: len(self._history) - self._turns]

    def snapshot(self) -> Task:
        """The task as it stands."""
        if self._snapshot is None:
            self._snapshot = Task(
                id=self.id,
                context_id=self.context_id,
                status=self.status,
                artifacts=[builder.build() for builder in self._artifacts.values()],
                history=list(self._history),
                metadata=dict(self.metadata),
            )
        return self._snapshot
