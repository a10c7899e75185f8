"""Typed parts of an A2A message: found, and put back changed. Everything else passes untouched, in its place.

A typed part is a ``data`` part (its media type JSON or none) or a ``raw`` part whose media type is protobuf.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from meshgate.a2a.codec.transcode import proto_class, to_proto, to_tree
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
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
from meshgate.gateway.contracts.transform.media import Form, parse_media_type
from meshgate.gateway.contracts.transform.violations import Violation, violation_error

__all__ = ["Change", "Side", "TypedPart", "map_parts", "typed_parts"]

Side = Literal["input", "output"]
"""Which of a skill's contracts a part belongs to."""


class TypedPart(msgspec.Struct, frozen=True):
    """A part that a contract may read.

    Attributes:
        side: ``input`` for what callers say, ``output`` for what agents say. Only in a task's history does the role of
            a message tell; anywhere else it is sure who speaks.
        path: its place, such as ``message.parts[0]``.
        form: in which form it is.
        media_type: as it came, perhaps empty.
        value: the JSON value, or the protobuf bytes.
    """

    side: Side
    path: str
    form: Form
    media_type: str
    value: Any
    type: str = ""
    """The full name of its message, if its media type says one. It is read from there, and never given."""
    version: str = ""
    """Its release, likewise."""

    def __post_init__(self) -> None:
        media = parse_media_type(self.media_type)
        msgspec.structs.force_setattr(self, "type", media.type)
        msgspec.structs.force_setattr(self, "version", media.version)


Change = Callable[[TypedPart], TypedPart]
"""What a part becomes: the same object, if nothing changes."""


class _Child(NamedTuple):
    key: str
    name: str
    kind: type[A2AMessage]
    many: bool
    side: Side | None
    """The side of what is in it; None where that is the parent's, or a role says it."""


_CHILDREN: dict[type[A2AMessage], tuple[_Child, ...]] = {
    SendMessageRequest: (_Child("message", "message", Message, many=False, side="input"),),
    SendMessageResponse: (
        _Child("task", "task", Task, many=False, side="output"),
        _Child("message", "message", Message, many=False, side="output"),
    ),
    StreamResponse: (
        _Child("task", "task", Task, many=False, side="output"),
        _Child("message", "message", Message, many=False, side="output"),
        _Child("statusUpdate", "status_update", TaskStatusUpdateEvent, many=False, side="output"),
        _Child("artifactUpdate", "artifact_update", TaskArtifactUpdateEvent, many=False, side="output"),
    ),
    Task: (
        _Child("status", "status", TaskStatus, many=False, side="output"),
        _Child("artifacts", "artifacts", Artifact, many=True, side="output"),
        _Child("history", "history", Message, many=True, side=None),
    ),
    TaskStatus: (_Child("message", "message", Message, many=False, side="output"),),
    TaskStatusUpdateEvent: (_Child("status", "status", TaskStatus, many=False, side="output"),),
    TaskArtifactUpdateEvent: (_Child("artifact", "artifact", Artifact, many=False, side="output"),),
    Message: (_Child("parts", "parts", Part, many=True, side=None),),
    Artifact: (_Child("parts", "parts", Part, many=True, side=None),),
}


def typed_parts(payload: Payload, most: int = sys.maxsize) -> list[TypedPart]:
    """The typed parts of a payload, in order; no more than the first ``most``.

    Raises:
        SchemaViolation: a protobuf part is no base64.
    """
    if payload.kind not in _CHILDREN:
        return []
    if isinstance(payload, ProtoPayload):
        walked = (_proto_part(*each) for each in _walk(payload.message, payload.kind, "input", ""))
        return list(itertools.islice((part for part in walked if part is not None), most))
    found: list[TypedPart] = []
    _find(payload.tree(), payload.kind, "input", "", found, most)
    return found


def _find(
    tree: dict[str, Any], kind: type[A2AMessage], side: Side, path: str, found: list[TypedPart], most: int
) -> None:
    for child in _CHILDREN[kind]:
        value = tree.get(child.key)
        if not value or len(found) >= most:
            continue
        where = path + child.key
        if child.kind is Part:
            for index, item in enumerate(value):
                if "text" not in item and (part := _json_part(item, side, f"{where}[{index}]")) is not None:
                    found.append(part)
                    if len(found) >= most:
                        return
        elif child.many:
            for index, item in enumerate(value):
                _find(item, child.kind, child.side or _by_role(item.get("role")), f"{where}[{index}].", found, most)
        else:
            _find(value, child.kind, child.side or _by_role(value.get("role")), where + ".", found, most)


def map_parts(payload: Payload, change: Change) -> Payload:
    """The payload with each typed part changed; the same payload, if none was.

    Raises:
        SchemaViolation: a protobuf part is no base64.
        MeshError: what ``change`` raises.
    """
    if payload.kind not in _CHILDREN:
        return payload
    if isinstance(payload, ProtoPayload):
        return _map_proto(payload, change)
    tree = payload.tree()
    mapped = _map_tree(tree, payload.kind, "input", "", change)
    return payload if mapped is tree else JsonPayload(payload.kind, mapped)


# -- JSON


def _map_tree(tree: dict[str, Any], kind: type[A2AMessage], side: Side, path: str, change: Change) -> dict[str, Any]:
    """The tree with its parts changed, copied along the way to those that were."""
    out = tree
    for child in _CHILDREN[kind]:
        value = tree.get(child.key)
        if not value:
            continue
        where = f"{path}{child.key}"
        new = (
            _map_list(value, child, side, where, change) if child.many else _map_one(value, child, side, where, change)
        )
        if new is not value:
            out = {**out, child.key: new}
    return out


def _map_list(items: list[Any], child: _Child, side: Side, path: str, change: Change) -> list[Any]:
    new = [_map_one(item, child, side, f"{path}[{index}]", change) for index, item in enumerate(items)]
    return items if all(new[index] is item for index, item in enumerate(items)) else new


def _map_one(tree: dict[str, Any], child: _Child, side: Side, path: str, change: Change) -> dict[str, Any]:
    if child.kind is Part:
        part = _json_part(tree, side, path)
        if part is None or (new := change(part)) is part:
            return tree
        return _put_json(tree, new)
    return _map_tree(tree, child.kind, child.side or _by_role(tree.get("role")), f"{path}.", change)


def _by_role(role: Any) -> Side:
    return "input" if role == "ROLE_USER" else "output"


def _json_part(tree: dict[str, Any], side: Side, path: str) -> TypedPart | None:
    media: str = tree.get("mediaType", "")
    if "data" in tree:
        if media and parse_media_type(media).form != "json":
            return None
        return TypedPart(side, path, "json", media, tree["data"])
    if "raw" in tree and media and parse_media_type(media).form == "protobuf":
        return TypedPart(side, path, "protobuf", media, _bytes(tree["raw"], path))
    return None


def _bytes(raw: str, path: str) -> bytes:
    try:
        padded = raw.replace("-", "+").replace("_", "/") + "=" * (-len(raw) % 4)
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        raise violation_error("its media type", (Violation(path, "proto.base64", "must be base64"),)) from None


def _put_json(tree: dict[str, Any], part: TypedPart) -> dict[str, Any]:
    """The part's tree with the new content; metadata and whatever else it has stay."""
    name, other = ("data", "raw") if part.form == "json" else ("raw", "data")
    out = {name if key == other else key: value for key, value in tree.items()}
    out[name] = part.value if part.form == "json" else base64.b64encode(part.value).decode("ascii")
    if part.media_type:
        out["mediaType"] = part.media_type
    return out


# -- protobuf


def _map_proto(payload: ProtoPayload, change: Change) -> Payload:
    changed: dict[int, TypedPart] = {}
    for index, (message, side, path) in enumerate(_walk(payload.message, payload.kind, "input", "")):
        part = _proto_part(message, side, path)
        if part is not None and (new := change(part)) is not part:
            changed[index] = new
    if not changed:
        return payload
    copy: Any = type(payload.message)()
    copy.CopyFrom(payload.message)
    for index, (message, _, _) in enumerate(_walk(copy, payload.kind, "input", "")):
        if index in changed:
            _put_proto(message, changed[index])
    return ProtoPayload(payload.kind, copy)


def _walk(message: Any, kind: type[A2AMessage], side: Side, path: str) -> Iterator[tuple[Any, Side, str]]:
    """Every part in the message, in order."""
    for child in _CHILDREN[kind]:
        held = getattr(message, child.name)
        if not child.many and not message.HasField(child.name):
            continue
        for index, item in enumerate(held if child.many else [held]):
            where = f"{path}{child.key}[{index}]" if child.many else f"{path}{child.key}"
            if child.kind is Part:
                yield item, side, where
            else:
                role = "" if child.side else ("ROLE_USER" if item.role == 1 else "ROLE_AGENT")
                yield from _walk(item, child.kind, child.side or _by_role(role), f"{where}.")


def _proto_part(message: Any, side: Side, path: str) -> TypedPart | None:
    media: str = message.media_type
    content = message.WhichOneof("content")
    if content == "data" and (not media or parse_media_type(media).form == "json"):
        return TypedPart(side, path, "json", media, to_tree(message).get("data"))
    if content == "raw" and media and parse_media_type(media).form == "protobuf":
        return TypedPart(side, path, "protobuf", media, message.raw)
    return None


def _put_proto(message: Any, part: TypedPart) -> None:
    if part.form == "protobuf":
        message.raw = part.value
    else:
        message.data.CopyFrom(to_proto({"data": part.value}, proto_class(Part)).data)  # type: ignore[attr-defined]
    if part.media_type:
        message.media_type = part.media_type
