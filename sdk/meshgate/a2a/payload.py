"""The payload of a call or an event: one A2A message, in the form of the binding that it came in.

The same binding out needs no conversion, another binding exactly one. Policies read ``view()`` and never care.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.codec.strict_json import check, is_array, is_object
from meshgate.a2a.codec.timestamps import instant
from meshgate.a2a.lists.task_list import ListTasksRequest, ListTasksResponse
from meshgate.a2a.messages.base import A2AMessage, Empty
from meshgate.a2a.messages.push_config import (
    CreateTaskPushNotificationConfigRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
)
from meshgate.a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message as ProtoMessage

__all__ = ["IdMap", "JsonPayload", "MapId", "Payload", "ProtoPayload", "map_tree", "payload_of"]

MapId = Callable[[str], str]
"""Maps one id."""


class IdMap(NamedTuple):
    """What becomes of the ids in a message."""

    own: MapId
    """Of the task that the message is about or belongs to."""
    referenced: MapId
    """Of a task in ``referenceTaskIds``."""
    context: MapId
    """Of a context."""


class Payload:
    """One checked A2A message. Treat everything it returns as read-only.

    Attributes:
        kind: the class of ``view()``.
        corrected: whether a value that an agent sent was corrected, so that each binding has a form for it.
        told: what ``task_event`` has read from it, or None.
    """

    __slots__ = ("_view", "corrected", "kind", "told")

    def __init__(self, kind: type[A2AMessage], view: A2AMessage | None = None) -> None:
        self.kind = kind
        self._view = view
        self.corrected = False
        self.told: tuple[str, str, dict[str, Any] | None] | None = None

    def tree(self) -> dict[str, Any]:
        """The message as A2A 1.0 JSON."""
        raise TypeError("a payload is JSON or protobuf")

    def view(self) -> Any:
        """The message as a value of ``kind``: the one neutral form, whatever the binding."""
        if self._view is None:
            _, self._view = check(self.tree(), self.kind)
        return self._view

    @property
    def label(self) -> str:
        """The routing label of a request (its ``tenant``), "" if it has none. It is read without a look at the rest."""
        label: str = self.tree().get("tenant", "")
        return label

    def digest(self) -> bytes:
        """32 bytes that name the content: equal for equal messages, on every binding.

        Keys that A2A does not know count for nothing, because protobuf has no place for them.
        """
        tree = msgspec.to_builtins(self.view())
        _same_times(tree, self.kind)
        text = msgspec.json.encode(_same_numbers(tree), order="sorted")
        return hashlib.blake2b(text, digest_size=32).digest()

    def with_ids(self, ids: IdMap) -> Payload:
        """A copy whose ids went through ``ids``."""
        return JsonPayload(self.kind, map_tree(self.tree(), self.kind, ids))


class JsonPayload(Payload):
    """A message that came as JSON; keys that A2A does not know are kept as they came."""

    __slots__ = ("_tree",)

    def __init__(self, kind: type[A2AMessage], tree: dict[str, Any], view: A2AMessage | None = None) -> None:
        # Six are made for a call: a call of super() for each would be dear.
        self.kind = kind
        self._view = view
        self.corrected = False
        self.told = None
        self._tree = tree

    def tree(self) -> dict[str, Any]:
        """The message as A2A 1.0 JSON."""
        return self._tree


class ProtoPayload(Payload):
    """A message that came as protobuf. Needs the extra ``grpc``."""

    __slots__ = ("_tree", "message")

    def __init__(self, kind: type[A2AMessage], message: ProtoMessage) -> None:
        super().__init__(kind)
        self.message = message
        self._tree: dict[str, Any] | None = None

    @property
    def label(self) -> str:
        """See ``Payload.label``."""
        label: str = getattr(self.message, "tenant", "")
        return label

    def tree(self) -> dict[str, Any]:
        """The message as A2A 1.0 JSON, made once.

        Raises:
            InvalidParams: a value has no JSON form (a number that is not finite).
        """
        if self._tree is None:
            from meshgate.a2a.codec.transcode import to_tree

            self._tree = to_tree(self.message)
        return self._tree

    def with_ids(self, ids: IdMap) -> Payload:
        """A copy whose ids went through ``ids``."""
        copy = type(self.message)()
        copy.CopyFrom(self.message)
        _map_proto(copy, self.kind, ids)
        return ProtoPayload(self.kind, copy)


def payload_of(view: A2AMessage) -> JsonPayload:
    """The payload of a message that was made here."""
    return JsonPayload(type(view), msgspec.to_builtins(view), view)


def _same_numbers(value: Any) -> Any:
    # To protobuf every number is a double: 1 and 1.0 are one, and so are 0 and -0.
    if is_object(value):
        return {key: _same_numbers(item) for key, item in value.items()}
    if is_array(value):
        return [_same_numbers(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) + 0.0
    return value


def _same_time(text: str) -> str:
    """One spelling for each instant: in UTC, without the zeros that end a fraction. What is no time stays as it is."""
    found = instant(text)
    if found is None:
        return text
    second, fraction = found
    return f"{second:%Y-%m-%dT%H:%M:%S}.{fraction.rstrip('0')}Z"


_TIMES: dict[type[A2AMessage], str] = {TaskStatus: "timestamp", ListTasksRequest: "statusTimestampAfter"}
"""The keys that hold times."""


def _same_times(tree: dict[str, Any], kind: type[A2AMessage]) -> None:
    key = _TIMES.get(kind)
    if key is not None and tree.get(key):
        tree[key] = _same_time(tree[key])
    for key, child, many in _IDS[kind].children:
        for item in tree.get(key, ()) if many else [tree[key]] if key in tree else ():
            _same_times(item, child)


class _Places(NamedTuple):
    """Where ids stand in one kind of message."""

    tasks: tuple[str, ...] = ()
    """The keys of ids of tasks."""
    children: tuple[tuple[str, type[A2AMessage], bool], ...] = ()
    """Keys below which there are messages with ids: key, kind, whether there are several."""
    context: bool = False
    """Whether it has a ``contextId``."""
    references: bool = False
    """Whether it has ``referenceTaskIds``."""


_IDS: dict[type[A2AMessage], _Places] = {
    GetTaskRequest: _Places(("id",)),
    TaskPushNotificationConfig: _Places(("taskId",)),
    CreateTaskPushNotificationConfigRequest: _Places(("taskId",)),
    GetTaskPushNotificationConfigRequest: _Places(("taskId",)),
    DeleteTaskPushNotificationConfigRequest: _Places(("taskId",)),
    ListTaskPushNotificationConfigsRequest: _Places(("taskId",)),
    ListTaskPushNotificationConfigsResponse: _Places(children=(("configs", TaskPushNotificationConfig, True),)),
    GetExtendedAgentCardRequest: _Places(),
    AgentCard: _Places(),
    Empty: _Places(),
    CancelTaskRequest: _Places(("id",)),
    SubscribeToTaskRequest: _Places(("id",)),
    Message: _Places(("taskId",), context=True, references=True),
    TaskStatus: _Places(children=(("message", Message, False),)),
    SendMessageRequest: _Places(children=(("message", Message, False),)),
    Task: _Places(("id",), (("status", TaskStatus, False), ("history", Message, True)), context=True),
    TaskStatusUpdateEvent: _Places(("taskId",), (("status", TaskStatus, False),), context=True),
    TaskArtifactUpdateEvent: _Places(("taskId",), context=True),
    ListTasksRequest: _Places(context=True),
    ListTasksResponse: _Places(children=(("tasks", Task, True),)),
    SendMessageResponse: _Places(children=(("task", Task, False), ("message", Message, False))),
    StreamResponse: _Places(
        children=(
            ("task", Task, False),
            ("message", Message, False),
            ("statusUpdate", TaskStatusUpdateEvent, False),
            ("artifactUpdate", TaskArtifactUpdateEvent, False),
        ),
    ),
}
_SNAKE = {"taskId": "task_id", "statusUpdate": "status_update", "artifactUpdate": "artifact_update"}


def map_tree(tree: dict[str, Any], kind: type[A2AMessage], ids: IdMap) -> dict[str, Any]:
    """A copy of a message in JSON whose ids went through ``ids``."""
    places = _IDS[kind]
    out = dict(tree)
    for key in places.tasks:
        if out.get(key):
            out[key] = ids.own(out[key])
    if places.context and out.get("contextId"):
        out["contextId"] = ids.context(out["contextId"])
    if places.references and out.get("referenceTaskIds"):
        out["referenceTaskIds"] = [ids.referenced(task) for task in out["referenceTaskIds"]]
    for key, child, many in places.children:
        value = out.get(key)
        if not value:
            continue
        out[key] = [map_tree(item, child, ids) for item in value] if many else map_tree(value, child, ids)
    return out


def _map_proto(message: Any, kind: type[A2AMessage], ids: IdMap) -> None:
    places = _IDS[kind]
    for key in places.tasks:
        name = _SNAKE.get(key, key)
        value = getattr(message, name)
        if value:
            setattr(message, name, ids.own(value))
    if places.context and message.context_id:
        message.context_id = ids.context(message.context_id)
    if places.references and message.reference_task_ids:
        message.reference_task_ids[:] = [ids.referenced(task) for task in message.reference_task_ids]
    for key, child, many in places.children:
        name = _SNAKE.get(key, key)
        if many:
            for item in getattr(message, name):
                _map_proto(item, child, ids)
        elif message.HasField(name):
            _map_proto(getattr(message, name), child, ids)
