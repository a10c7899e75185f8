"""A2A 0.3's messages as JSON-RPC writes them (its JSON schema, specification 0.3.0, section 6): what is checked.

Ids and sizes are checked once the message is 1.0. ``kind`` may be left out where the content says it.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.names import Role, TaskState

__all__ = [
    "Artifact",
    "Configuration",
    "ExtendedCardParams",
    "File",
    "Message",
    "Part",
    "PushAuthentication",
    "PushConfig",
    "PushConfigParams",
    "SendParams",
    "Task",
    "TaskArtifactUpdateEvent",
    "TaskIdParams",
    "TaskPushConfig",
    "TaskQueryParams",
    "TaskStatus",
    "TaskStatusUpdateEvent",
]

_CONTENT = ("text", "file", "data")


def _check_kind(kind: str, right: str) -> None:
    if kind not in ("", right):
        raise ValueError(f"kind must be {right!r}")


class File(A2AMessage, frozen=True):
    """A file: exactly one of ``bytes`` (base64) and ``uri``."""

    bytes: str | UnsetType = UNSET
    uri: str | UnsetType = UNSET
    mime_type: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if (self.bytes is UNSET) is (self.uri is UNSET):
            raise ValueError("exactly one of bytes, uri must be there")


class Part(A2AMessage, frozen=True):
    """A piece of content: exactly one of ``text``, ``file`` and ``data``, which ``kind`` names."""

    kind: str = ""
    text: str | UnsetType = UNSET
    file: File | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        found = [name for name in _CONTENT if getattr(self, name) is not UNSET]
        if len(found) != 1:
            raise ValueError("exactly one of text, file, data must be there")
        _check_kind(self.kind, found[0])


class Message(A2AMessage, frozen=True):
    """One turn of a conversation (section 6.4)."""

    message_id: str
    role: Role
    parts: list[Part]
    kind: str = ""
    context_id: str = ""
    task_id: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []
    reference_task_ids: list[str] = []

    def __post_init__(self) -> None:
        _check_kind(self.kind, "message")


class Artifact(A2AMessage, frozen=True):
    """A result of a task (section 6.7)."""

    artifact_id: str
    parts: list[Part]
    name: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    extensions: list[str] = []


class TaskStatus(A2AMessage, frozen=True):
    """A task's state (section 6.2)."""

    state: TaskState
    message: Message | None = None
    timestamp: str | None = None


class Task(A2AMessage, frozen=True):
    """A unit of work (section 6.1)."""

    id: str
    status: TaskStatus
    context_id: str = ""
    kind: str = ""
    artifacts: list[Artifact] = []
    history: list[Message] = []
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _check_kind(self.kind, "task")


class TaskStatusUpdateEvent(A2AMessage, frozen=True):
    """A task entered a state (section 7.2.2)."""

    task_id: str
    status: TaskStatus
    context_id: str = ""
    kind: str = ""
    final: bool = False
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _check_kind(self.kind, "status-update")


class TaskArtifactUpdateEvent(A2AMessage, frozen=True):
    """A task made, or added to, an artifact (section 7.2.3)."""

    task_id: str
    artifact: Artifact
    context_id: str = ""
    kind: str = ""
    append: bool = False
    last_chunk: bool = False
    metadata: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _check_kind(self.kind, "artifact-update")


class PushAuthentication(A2AMessage, frozen=True):
    """How a push notification says who sends it (section 6.9)."""

    schemes: list[str]
    credentials: str = ""


class PushConfig(A2AMessage, frozen=True):
    """Where a task's events are sent to (section 6.8)."""

    url: str
    id: str = ""
    token: str = ""
    authentication: PushAuthentication | None = None


class TaskPushConfig(A2AMessage, frozen=True):
    """``tasks/pushNotificationConfig/set``, and the answers of it and of ``get`` (section 6.10)."""

    task_id: str
    push_notification_config: PushConfig


class PushConfigParams(A2AMessage, frozen=True):
    """``tasks/pushNotificationConfig/get`` and ``delete`` (sections 7.6.1 and 7.8.1)."""

    id: str
    push_notification_config_id: str = ""
    metadata: dict[str, Any] = {}


class ExtendedCardParams(A2AMessage, frozen=True):
    """``agent/getAuthenticatedExtendedCard``, which takes none."""


class Configuration(A2AMessage, frozen=True):
    """The caller's wishes about the answer (section 7.1.2)."""

    accepted_output_modes: list[str] = []
    blocking: bool | None = None
    history_length: int | None = None
    push_notification_config: PushConfig | None = None


class SendParams(A2AMessage, frozen=True):
    """``message/send`` and ``message/stream`` (section 7.1.1)."""

    message: Message
    configuration: Configuration | None = None
    metadata: dict[str, Any] = {}


class TaskQueryParams(A2AMessage, frozen=True):
    """``tasks/get`` (section 7.3.1)."""

    id: str
    history_length: int | None = None
    metadata: dict[str, Any] = {}


class TaskIdParams(A2AMessage, frozen=True):
    """``tasks/cancel``, ``tasks/resubscribe`` and ``tasks/pushNotificationConfig/list`` (section 7.4.1)."""

    id: str
    metadata: dict[str, Any] = {}
