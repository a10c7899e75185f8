"""The typed parts of protobuf messages: finds and replaces them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgate.a2a.codec.transcode import proto_class, to_proto, to_tree
from meshgate.a2a.payload import Payload, ProtoPayload
from meshgate.a2a.types import (
    A2AMessage,
    Part,
)
from meshgate.gateway.contracts.transform.typed_parts.media import parse_media_type
from meshgate.gateway.contracts.transform.typed_parts.part_tree import CHILDREN, side_of_role
from meshgate.gateway.contracts.transform.typed_parts.typed_part import Change, Side, TypedPart

__all__ = ["map_proto_parts", "proto_part", "walk_parts"]


def map_proto_parts(payload: ProtoPayload, change: Change) -> Payload:
    """The payload with its typed parts changed; the same payload if none changed."""
    changed: dict[int, TypedPart] = {}
    for index, (message, side, path) in enumerate(walk_parts(payload.message, payload.kind, "input", "")):
        part = proto_part(message, side, path)
        if part is not None and (new := change(part)) is not part:
            changed[index] = new
    if not changed:
        return payload
    copy: Any = type(payload.message)()
    copy.CopyFrom(payload.message)
    for index, (message, _, _) in enumerate(walk_parts(copy, payload.kind, "input", "")):
        if index in changed:
            _put_proto(message, changed[index])
    return ProtoPayload(payload.kind, copy)


def walk_parts(message: Any, kind: type[A2AMessage], side: Side, path: str) -> Iterator[tuple[Any, Side, str]]:
    """Each part of a message in order, with its side and its path."""
    for child in CHILDREN[kind]:
        held = getattr(message, child.name)
        if not child.many and not message.HasField(child.name):
            continue
        for index, item in enumerate(held if child.many else [held]):
            where = f"{path}{child.key}[{index}]" if child.many else f"{path}{child.key}"
            if child.kind is Part:
                yield item, side, where
            else:
                role = "" if child.side else ("ROLE_USER" if item.role == 1 else "ROLE_AGENT")
                yield from walk_parts(item, child.kind, child.side or side_of_role(role), f"{where}.")


def proto_part(message: Any, side: Side, path: str) -> TypedPart | None:
    """The typed part that a part of a protobuf message is; None if it is none."""
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
