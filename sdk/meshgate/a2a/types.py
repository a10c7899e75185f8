"""A2A 1.0's messages as frozen values (specification 1.0.1, section 4; required fields first).

They are the schema that JSON is checked against, and what handlers read. Attributes are snake_case, JSON keys are
camelCase. Ids are short and hold no control characters: they travel on in headers, metadata, paths and log lines, and
are kept.
"""

from __future__ import annotations

import base64
import binascii
import enum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from meshgate.a2a.messages.base import (
    BEYOND,
    MAX_ID,
    MAX_TASK,
    A2AMessage,
    check_context,
    check_id,
    check_label,
    check_task,
)
from meshgate.a2a.messages.push_config import TaskPushNotificationConfig

__all__ = [
    "BEYOND",
    "INTERRUPTED",
    "MAX_ID",
    "TERMINAL",
    "A2AMessage",
    "Artifact",
    "CancelTaskRequest",
    "GetTaskRequest",
    "Message",
    "Part",
    "Role",
    "SendMessageConfiguration",
    "SendMessageRequest",
    "SendMessageResponse",
    "StreamResponse",
    "SubscribeToTaskRequest",
    "Task",
    "TaskArtifactUpdateEvent",
    "TaskState",
    "TaskStatus",
    "TaskStatusUpdateEvent",
    "check_context",
    "check_history",
    "check_label",
]


class TaskState(enum.StrEnum):
    """The state of a task (section 4.1.3)."""

    UNSPECIFIED = "TASK_STATE_UNSPECIFIED"
    SUBMITTED = "TASK_STATE_SUBMITTED"
    WORKING = "TASK_STATE_WORKING"
    COMPLETED = "TASK_STATE_COMPLETED"
    FAILED = "TASK_STATE_FAILED"
    CANCELED = "TASK_STATE_CANCELED"
    INPUT_REQUIRED = "TASK_STATE_INPUT_REQUIRED"
    REJECTED = "TASK_STATE_REJECTED"
    AUTH_REQUIRED = "TASK_STATE_AUTH_REQUIRED"


TERMINAL = frozenset({TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELED, TaskState.REJECTED})
"""States that a task never leaves."""

INTERRUPTED = frozenset({TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED})
"""States in which a task waits for its caller."""


class Role(enum.StrEnum):
    """The sender of a message (section 4.1.5)."""

    UNSPECIFIED = "ROLE_UNSPECIFIED"
    USER = "ROLE_USER"
    AGENT = "ROLE_AGENT"


def _one_of(message: A2AMessage, names: tuple[str, ...]) -> None:
    count = 0
    for name in names:
        if getattr(message, name) is not UNSET:
            count += 1
    if count != 1:
        raise ValueError("exactly one of " + ", ".join(names) + " must be there")


class Part(A2AMessage, frozen=True):
    """A piece of content: exactly one of ``text``, ``raw`` (base64), ``url`` and ``data`` (any JSON value).

    However ``raw`` was spelled, here it has the standard alphabet and its padding.
    """

    text: str | UnsetType = UNSET
    raw: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    data: Any = UNSET
    metadata: dict[str, Any] = {}
    filename: str = ""
    media_type: str = ""

    def __post_init__(self) -> None:
        if self.text is not UNSET and self.raw is UNSET and self.url is UNSET and self.data is UNSET:
            return
        _one_of(self, ("text", "raw", "url", "data"))
        if isinstance(self.raw, str):
            msgspec.structs.force_setattr(self, "raw", _base64(self.raw))


_REFERENCES = 64
"""Most tasks that a message refers to."""


def _base64(text: str) -> str:
    # ProtoJSON takes the standard and the URL-safe alphabet, with or without padding.
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    try:
        return base64.b64encode(base64.b64decode(padded, validate=True)).decode("ascii")
    except (binascii.Error, ValueError):
        raise ValueError("raw must be base64") from None


class Message(A2AMessage, frozen=True):
    """One turn of a conversation."""

    message_id: str
    role: Role
    parts: list[Part]
    context_id: str = ""
    task_id: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []
    reference_task_ids: list[str] = []

    def __post_init__(self) -> None:
        check_id("messageId", self.message_id)
        check_context(self.context_id)
        if self.task_id:
            check_id("taskId", self.task_id, MAX_TASK)
        if self.reference_task_ids:
            if len(self.reference_task_ids) > _REFERENCES:
                raise ValueError(f"referenceTaskIds {BEYOND} {_REFERENCES} ids")
            for task in self.reference_task_ids:
                check_id("referenceTaskIds", task, MAX_TASK)


class Artifact(A2AMessage, frozen=True):
    """A result of a task."""

    artifact_id: str
    parts: list[Part]
    name: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []

    def __post_init__(self) -> None:
        check_id("artifactId", self.artifact_id)


class TaskStatus(A2AMessage, frozen=True):
    """A task's state, perhaps with a message, and when it was entered (RFC 3339, UTC)."""

    state: TaskState
    message: Message | None = None
    timestamp: str | None = None


class Task(A2AMessage, frozen=True):
    """A unit of work, with its results so far."""

    id: str
    status: TaskStatus
    context_id: str = ""
    artifacts: list[Artifact] = []
    history: list[Message] = []
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_task("id", self.id, self.context_id)


class TaskStatusUpdateEvent(A2AMessage, frozen=True):
    """A task entered a state."""

    task_id: str
    status: TaskStatus
    context_id: str = ""
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_task("taskId", self.task_id, self.context_id)


class TaskArtifactUpdateEvent(A2AMessage, frozen=True):
    """A task made, or added to, an artifact."""

    task_id: str
    artifact: Artifact
    context_id: str = ""
    append: bool = False
    last_chunk: bool = False
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_task("taskId", self.task_id, self.context_id)


class SendMessageConfiguration(A2AMessage, frozen=True):
    """The caller's wishes about the answer."""

    accepted_output_modes: list[str] = []
    task_push_notification_config: TaskPushNotificationConfig | None = None
    history_length: int | None = None
    return_immediately: bool = False

    def __post_init__(self) -> None:
        check_history(self.history_length)


def check_history(length: int | None) -> None:
    """Check a ``historyLength``, which may be left out.

    Raises:
        ValueError: it is negative, or no 32-bit number.
    """
    if length is not None and not 0 <= length < 2**31:
        raise ValueError("historyLength must be 0 or more")


class SendMessageRequest(A2AMessage, frozen=True):
    """``SendMessage`` and ``SendStreamingMessage``."""

    message: Message
    tenant: str = ""
    configuration: SendMessageConfiguration | None = None
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not self.message.message_id:
            raise ValueError("message.messageId must not be empty")
        if self.message.role is Role.UNSPECIFIED:
            raise ValueError("message.role must be ROLE_USER or ROLE_AGENT")
        if not self.message.parts:
            raise ValueError("message.parts must not be empty")
        check_label(self.tenant)


class GetTaskRequest(A2AMessage, frozen=True):
    """``GetTask``."""

    id: str
    tenant: str = ""
    history_length: int | None = None

    def __post_init__(self) -> None:
        check_task("id", self.id)
        check_label(self.tenant)
        check_history(self.history_length)


class CancelTaskRequest(A2AMessage, frozen=True):
    """``CancelTask``."""

    id: str
    tenant: str = ""
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_task("id", self.id)
        check_label(self.tenant)


class SubscribeToTaskRequest(A2AMessage, frozen=True):
    """``SubscribeToTask``."""

    id: str
    tenant: str = ""

    def __post_init__(self) -> None:
        check_task("id", self.id)
        check_label(self.tenant)


class SendMessageResponse(A2AMessage, frozen=True):
    """The answer of ``SendMessage``: exactly one of the two."""

    task: Task | UnsetType = UNSET
    message: Message | UnsetType = UNSET

    def __post_init__(self) -> None:
        _one_of(self, ("task", "message"))


class StreamResponse(A2AMessage, frozen=True):
    """One event of a stream: exactly one of the four."""

    task: Task | UnsetType = UNSET
    message: Message | UnsetType = UNSET
    status_update: TaskStatusUpdateEvent | UnsetType = UNSET
    artifact_update: TaskArtifactUpdateEvent | UnsetType = UNSET

    def __post_init__(self) -> None:
        _one_of(self, ("task", "message", "status_update", "artifact_update"))
