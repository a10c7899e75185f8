"""The payload of a call or an event: one A2A message, in the form of the binding that it came in.

The same binding out needs no conversion, another binding exactly one. Policies read ``view()`` and never care.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from meshgate.a2a.codec.strict_json import check, is_array, is_object
from meshgate.a2a.codec.timestamps import instant
from meshgate.a2a.types import (
    A2AMessage,
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

__all__ = ["JsonPayload", "MapId", "Payload", "ProtoPayload", "map_tree", "payload_of"]

MapId = Callable[[str], str]
"""Maps a task's id."""


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

    def digest(self) -> bytes:
        """32 bytes that name the content: equal for equal messages, on every binding.

        Keys that A2A does not know count for nothing, because protobuf has no place for them.
        """
        tree = msgspec.to_builtins(self.view())
        _same_times(tree, self.kind)
        text = msgspec.json.encode(_same_numbers(tree), order="sorted")
        return hashlib.blake2b(text, digest_size=32).digest()

    def with_ids(self, own: MapId, referenced: MapId) -> Payload:
        """A copy whose task ids went through ``own``, and whose ``referenceTaskIds`` went through ``referenced``."""
        return JsonPayload(self.kind, map_tree(self.tree(), self.kind, own, referenced))


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

    def tree(self) -> dict[str, Any]:
        """The message as A2A 1.0 JSON, made once.

        Raises:
            InvalidParams: a value has no JSON form (a number that is not finite).
        """
        if self._tree is None:
            from meshgate.a2a.codec.transcode import to_tree

            self._tree = to_tree(self.message)
        return self._tree

    def with_ids(self, own: MapId, referenced: MapId) -> Payload:
        """A copy whose task ids went through ``own``, and whose ``referenceTaskIds`` went through ``referenced``."""
        copy = type(self.message)()
        copy.CopyFrom(self.message)
        _map_proto(copy, self.kind, own, referenced)
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


def _same_times(tree: dict[str, Any], kind: type[A2AMessage]) -> None:
    if kind is TaskStatus and "timestamp" in tree:
        tree["timestamp"] = _same_time(tree["timestamp"])
    for key, child, many in _IDS[kind][2]:
        for item in tree.get(key, ()) if many else [tree[key]] if key in tree else ():
            _same_times(item, child)


# Where task ids stand in each message: (the keys of ids, whether it has referenceTaskIds, (key, message, repeated)).
_Ids = tuple[tuple[str, ...], bool, tuple[tuple[str, type[A2AMessage], bool], ...]]
_IDS: dict[type[A2AMessage], _Ids] = {
    GetTaskRequest: (("id",), False, ()),
    CancelTaskRequest: (("id",), False, ()),
    SubscribeToTaskRequest: (("id",), False, ()),
    Message: (("taskId",), True, ()),
    TaskStatus: ((), False, (("message", Message, False),)),
    SendMessageRequest: ((), False, (("message", Message, False),)),
    Task: (("id",), False, (("status", TaskStatus, False), ("history", Message, True))),
    TaskStatusUpdateEvent: (("taskId",), False, (("status", TaskStatus, False),)),
    TaskArtifactUpdateEvent: (("taskId",), False, ()),
    SendMessageResponse: ((), False, (("task", Task, False), ("message", Message, False))),
    StreamResponse: (
        (),
        False,
        (
            ("task", Task, False),
            ("message", Message, False),
            ("statusUpdate", TaskStatusUpdateEvent, False),
            ("artifactUpdate", TaskArtifactUpdateEvent, False),
        ),
    ),
}
_SNAKE = {"taskId": "task_id", "statusUpdate": "status_update", "artifactUpdate": "artifact_update"}


def map_tree(tree: dict[str, Any], kind: type[A2AMessage], own: MapId, referenced: MapId) -> dict[str, Any]:
    """A copy of a message in JSON whose task ids went through ``own``, and whose ``referenceTaskIds`` went through
    ``referenced``.
    """
    ids, references, children = _IDS[kind]
    out = dict(tree)
    for key in ids:
        if out.get(key):
            out[key] = own(out[key])
    if references and out.get("referenceTaskIds"):
        out["referenceTaskIds"] = [referenced(task) for task in out["referenceTaskIds"]]
    for key, child, many in children:
        value = out.get(key)
        if not value:
            continue
        if many:
            out[key] = [map_tree(item, child, own, referenced) for item in value]
        else:
            out[key] = map_tree(value, child, own, referenced)
    return out


def _map_proto(message: Any, kind: type[A2AMessage], own: MapId, referenced: MapId) -> None:
    ids, references, children = _IDS[kind]
    for key in ids:
        name = _SNAKE.get(key, key)
        value = getattr(message, name)
        if value:
            setattr(message, name, own(value))
    if references and message.reference_task_ids:
        message.reference_task_ids[:] = [referenced(task) for task in message.reference_task_ids]
    for key, child, many in children:
        name = _SNAKE.get(key, key)
        if many:
            for item in getattr(message, name):
                _map_proto(item, child, own, referenced)
        elif message.HasField(name):
            _map_proto(getattr(message, name), child, own, referenced)
