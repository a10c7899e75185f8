"""A2A 0.3's messages as REST writes them, the ProtoJSON of the package ``a2a.v1``: what is checked.

A key may come as the .proto spells it too, which for three fields is another word than in JSON: ``request``, ``update``
and ``msg``, each for ``message``. Ids and sizes are checked once the message is 1.0.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from meshgate.a2a.types import A2AMessage, Role
from meshgate.a2a.v0_3.types import PushConfig

__all__ = [
    "Artifact",
    "Configuration",
    "CreatePushConfig",
    "Data",
    "File",
    "ListPushConfigs",
    "Message",
    "NamedTask",
    "NamedTaskQuery",
    "Part",
    "PushConfigs",
    "SendMessageRequest",
    "SendMessageResponse",
    "StreamResponse",
    "Task",
    "TaskArtifactUpdateEvent",
    "TaskPushConfig",
    "TaskState",
    "TaskStatus",
    "TaskStatusUpdateEvent",
]


class TaskState(enum.StrEnum):
    """The state of a task, as the package ``a2a.v1`` writes it."""

    UNSPECIFIED = "TASK_STATE_UNSPECIFIED"
    SUBMITTED = "TASK_STATE_SUBMITTED"
    WORKING = "TASK_STATE_WORKING"
    COMPLETED = "TASK_STATE_COMPLETED"
    FAILED = "TASK_STATE_FAILED"
    CANCELLED = "TASK_STATE_CANCELLED"
    INPUT_REQUIRED = "TASK_STATE_INPUT_REQUIRED"
    REJECTED = "TASK_STATE_REJECTED"
    AUTH_REQUIRED = "TASK_STATE_AUTH_REQUIRED"


def _one_of(message: A2AMessage, **keys: str) -> None:
    if sum(getattr(message, name) is not UNSET for name in keys) != 1:
        raise ValueError("exactly one of " + ", ".join(keys.values()) + " must be there")


class File(A2AMessage, frozen=True):
    """A file: exactly one of ``fileWithBytes`` (base64) and ``fileWithUri``."""

    file_with_bytes: str | UnsetType = UNSET
    file_with_uri: str | UnsetType = UNSET
    mime_type: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        _one_of(self, file_with_bytes="fileWithBytes", file_with_uri="fileWithUri")


class Data(A2AMessage, frozen=True):
    """An object."""

    data: dict[str, Any] = {}


class Part(A2AMessage, frozen=True):
    """A piece of content: exactly one of ``text``, ``file`` and ``data``."""

    text: str | UnsetType = UNSET
    file: File | UnsetType = UNSET
    data: Data | UnsetType = UNSET
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _one_of(self, text="text", file="file", data="data")


class Message(A2AMessage, frozen=True):
    """One turn of a conversation."""

    message_id: str
    role: Role
    content: list[Part]
    context_id: str = ""
    task_id: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []


class Artifact(A2AMessage, frozen=True):
    """A result of a task."""

    artifact_id: str
    parts: list[Part]
    name: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []


class TaskStatus(A2AMessage, frozen=True):
    """A task's state."""

    state: TaskState
    update: Message | None = msgspec.field(default=None, name="message")
    timestamp: str | None = None


class Task(A2AMessage, frozen=True):
    """A unit of work."""

    id: str
    status: TaskStatus
    context_id: str = ""
    artifacts: list[Artifact] = []
    history: list[Message] = []
    metadata: dict[str, Any] = {}


class TaskStatusUpdateEvent(A2AMessage, frozen=True):
    """A task entered a state."""

    task_id: str
    status: TaskStatus
    context_id: str = ""
    final: bool = False
    metadata: dict[str, Any] = {}


class TaskArtifactUpdateEvent(A2AMessage, frozen=True):
    """A task made, or added to, an artifact."""

    task_id: str
    artifact: Artifact
    context_id: str = ""
    append: bool = False
    last_chunk: bool = False
    metadata: dict[str, Any] = {}


class TaskPushConfig(A2AMessage, frozen=True):
    """A configuration by its name, ``tasks/ID/pushNotificationConfigs/ID``."""

    push_notification_config: PushConfig
    name: str = ""


class CreatePushConfig(A2AMessage, frozen=True):
    """``CreateTaskPushNotificationConfig``."""

    parent: str
    config: TaskPushConfig
    config_id: str = ""


class ListPushConfigs(A2AMessage, frozen=True):
    """``ListTaskPushNotificationConfig``."""

    parent: str
    page_size: int = 0
    page_token: str = ""


class PushConfigs(A2AMessage, frozen=True):
    """The answer of ``ListTaskPushNotificationConfig``."""

    configs: list[TaskPushConfig] = []
    next_page_token: str = ""


class Configuration(A2AMessage, frozen=True):
    """The caller's wishes about the answer."""

    accepted_output_modes: list[str] = []
    push_notification: PushConfig | None = None
    history_length: int | None = None
    blocking: bool = False


class SendMessageRequest(A2AMessage, frozen=True):
    """``SendMessage`` and ``SendStreamingMessage``."""

    request: Message = msgspec.field(name="message")
    configuration: Configuration | None = None
    metadata: dict[str, Any] = {}


class SendMessageResponse(A2AMessage, frozen=True):
    """A task or a message."""

    task: Task | UnsetType = UNSET
    msg: Message | UnsetType = msgspec.field(default=UNSET, name="message")

    def __post_init__(self) -> None:
        _one_of(self, task="task", msg="message")


class StreamResponse(A2AMessage, frozen=True):
    """One event of a stream."""

    task: Task | UnsetType = UNSET
    msg: Message | UnsetType = msgspec.field(default=UNSET, name="message")
    status_update: TaskStatusUpdateEvent | UnsetType = UNSET
    artifact_update: TaskArtifactUpdateEvent | UnsetType = UNSET

    def __post_init__(self) -> None:
        _one_of(self, task="task", msg="message", status_update="statusUpdate", artifact_update="artifactUpdate")


class NamedTaskQuery(A2AMessage, frozen=True):
    """``GetTask``: its task is named ``tasks/ID``."""

    name: str
    history_length: int | None = None


class NamedTask(A2AMessage, frozen=True):
    """``CancelTask``, ``TaskSubscription``, and what is asked of one push configuration."""

    name: str
