"""Results of calls and events of streams, as callers read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET

from meshgate.a2a.mesh.headers import PROGRESS
from meshgate.a2a.mesh.usage import reported_usage
from meshgate.a2a.types import (
    INTERRUPTED,
    TERMINAL,
    Artifact,
    Message,
    Part,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
)
from meshgate.sdk.client.usage import Usage
from meshgate.sdk.skills.codecs import read_as
from meshgate.sdk.skills.content import data_in, text_in

__all__ = ["Event", "Result"]

_T = TypeVar("_T")


def _usage(metadata: dict[str, Any]) -> Usage | None:
    try:
        found = reported_usage(metadata)
    except ValueError:
        return None  # an agent that uses the key for something else still answered
    return msgspec.convert(found, Usage) if found is not None else None


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    job: str = ""
    """The job's id: ``meshgate job ID`` shows its tree."""
    call_id: str = ""
    instance: str = ""
    """The instance that answered."""


class Result(_Origin, frozen=True, kw_only=True):
    """An answer: a task that ended well or waits for its caller, or a plain message; one of the two is there."""

    task: Task | None = None
    message: Message | None = None

    @property
    def artifacts(self) -> list[Artifact]:
        """The artifacts of the task."""
        return self.task.artifacts if self.task is not None else []

    def _parts(self) -> Iterable[Part]:
        if self.message is not None:
            return self.message.parts
        return (part for artifact in self.artifacts for part in artifact.parts)

    @property
    def text(self) -> str:
        """All text of the answer; of a task that made none, what its status says."""
        found = text_in(self._parts())
        if not found and self.task is not None and self.task.status.message is not None:
            return text_in(self.task.status.message.parts)
        return found

    @property
    def data(self) -> Any:
        """The first JSON value of the answer, or None."""
        return data_in(self._parts())

    def read(self, kind: type[_T]) -> _T:
        """The data of the answer as a value of ``kind``: a pydantic model, a dataclass, or a protobuf message.

        Raises:
            InvalidAgentResponse: there is none, or it is no such value.
        """
        return read_as(kind, list(self._parts()))

    @property
    def state(self) -> TaskState:
        """The state of the task; a plain message is complete."""
        return self.task.status.state if self.task is not None else TaskState.COMPLETED

    @property
    def waits(self) -> bool:
        """Whether the agent asked something: call again with ``task_id=result.task.id`` and the answer."""
        return self.state in INTERRUPTED

    @property
    def context_id(self) -> str:
        """The conversation that this belongs to: pass it on to continue it."""
        return self.task.context_id if self.task is not None else self.message.context_id if self.message else ""

    @property
    def usage(self) -> Usage | None:
        """The usage that the agent reported, or None."""
        if self.task is not None:
            return _usage(self.task.metadata)
        return _usage(self.message.metadata) if self.message is not None else None


class Event(_Origin, frozen=True, kw_only=True):
    """One event of a stream. ``raw`` is A2A's own form of it."""

    raw: StreamResponse

    @property
    def kind(self) -> Literal["task", "message", "status", "artifact"]:
        """Which of A2A's four events it is."""
        if self.raw.task is not UNSET:
            return "task"
        if self.raw.message is not UNSET:
            return "message"
        return "status" if self.raw.status_update is not UNSET else "artifact"

    @property
    def task(self) -> Task | None:
        """The whole task, in the first event of a task."""
        return self.raw.task if self.raw.task is not UNSET else None

    @property
    def artifact(self) -> Artifact | None:
        """The artifact, or the chunk of one, that was made."""
        return self.raw.artifact_update.artifact if self.raw.artifact_update is not UNSET else None

    @property
    def append(self) -> bool:
        """Whether ``artifact`` continues the one with its id."""
        return self.raw.artifact_update is not UNSET and self.raw.artifact_update.append

    @property
    def status(self) -> TaskStatus | None:
        """The state that the task entered or has."""
        if self.raw.status_update is not UNSET:
            return self.raw.status_update.status
        return self.raw.task.status if self.raw.task is not UNSET else None

    @property
    def state(self) -> TaskState | None:
        """The state of the task, if this event tells it."""
        return self.status.state if self.status is not None else None

    @property
    def final(self) -> bool:
        """Whether nothing follows until somebody calls again."""
        return self.kind == "message" or self.state in TERMINAL or self.state in INTERRUPTED

    @property
    def _parts(self) -> list[Part]:
        if self.raw.message is not UNSET:
            return self.raw.message.parts
        if self.artifact is not None:
            return self.artifact.parts
        return self.status.message.parts if self.status is not None and self.status.message is not None else []

    @property
    def text(self) -> str:
        """The text of this event: a chunk of an artifact, a progress line, a message."""
        return text_in(self._parts)

    @property
    def data(self) -> Any:
        """The first JSON value in this event, or None."""
        return data_in(self._parts)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata that the agent added."""
        for event in (self.raw.status_update, self.raw.artifact_update, self.raw.task, self.raw.message):
            if event is not UNSET:
                return event.metadata
        return {}

    @property
    def fraction(self) -> float | None:
        """The progress of the task, from 0 to 1, if this event tells it."""
        value = self.metadata.get(PROGRESS)
        return float(value) if isinstance(value, int | float) else None

    @property
    def usage(self) -> Usage | None:
        """The usage that the agent reported, in the last event, or None."""
        return _usage(self.metadata)

    @property
    def task_id(self) -> str:
        """The task, or "" for a plain message."""
        if self.raw.task is not UNSET:
            return self.raw.task.id
        for event in (self.raw.status_update, self.raw.artifact_update):
            if event is not UNSET:
                return event.task_id
        return ""
