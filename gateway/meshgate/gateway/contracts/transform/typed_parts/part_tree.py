"""The tree of A2A's messages down to their parts: what each type holds, and to which side its parts belong."""

from __future__ import annotations

from typing import Any, NamedTuple

from meshgate.a2a.types import (
    A2AMessage,
    Artifact,
    Message,
    Part,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from meshgate.gateway.contracts.transform.typed_parts.typed_part import Side

__all__ = ["CHILDREN", "Child", "side_of_role"]


class Child(NamedTuple):
    """A field that leads to parts: its key in JSON, its name in protobuf, its type, and whether it is a list."""

    key: str
    name: str
    kind: type[A2AMessage]
    many: bool
    side: Side | None
    """The side of its parts; None if the parent or a role decides."""


CHILDREN: dict[type[A2AMessage], tuple[Child, ...]] = {
    SendMessageRequest: (Child("message", "message", Message, many=False, side="input"),),
    SendMessageResponse: (
        Child("task", "task", Task, many=False, side="output"),
        Child("message", "message", Message, many=False, side="output"),
    ),
    StreamResponse: (
        Child("task", "task", Task, many=False, side="output"),
        Child("message", "message", Message, many=False, side="output"),
        Child("statusUpdate", "status_update", TaskStatusUpdateEvent, many=False, side="output"),
        Child("artifactUpdate", "artifact_update", TaskArtifactUpdateEvent, many=False, side="output"),
    ),
    Task: (
        Child("status", "status", TaskStatus, many=False, side="output"),
        Child("artifacts", "artifacts", Artifact, many=True, side="output"),
        Child("history", "history", Message, many=True, side=None),
    ),
    TaskStatus: (Child("message", "message", Message, many=False, side="output"),),
    TaskStatusUpdateEvent: (Child("status", "status", TaskStatus, many=False, side="output"),),
    TaskArtifactUpdateEvent: (Child("artifact", "artifact", Artifact, many=False, side="output"),),
    Message: (Child("parts", "parts", Part, many=True, side=None),),
    Artifact: (Child("parts", "parts", Part, many=True, side=None),),
}


def side_of_role(role: Any) -> Side:
    """The side of the parts of a message with that role."""
    return "input" if role == "ROLE_USER" else "output"
