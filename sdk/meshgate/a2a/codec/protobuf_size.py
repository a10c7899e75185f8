"""The number of values in a protobuf message, counted from its bytes before a parser spends memory on them.

Two bytes on the wire can become a hundred in memory. The count stops at the limit, so its cost is bounded. Needs the
extra ``grpc``.
"""

from __future__ import annotations

import functools
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meshgate.a2a.codec.strict_json import MAX_NODES
from meshgate.a2a.codec.transcode import message_type
from meshgate.a2a.errors import InvalidParams, InvalidRequest

__all__ = ["guard_proto"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LEAST = 2
"""Fewest bytes of a value: a tag, and a length or a number."""


@functools.cache
def _children(kind: Descriptor) -> dict[int, Descriptor]:
    return {field.number: message_type(field) for field in kind.fields if field.type == FieldDescriptor.TYPE_MESSAGE}


def guard_proto(body: bytes, cls: type[Message], max_nodes: int = MAX_NODES) -> None:
    """Refuse a message of type ``cls`` with too many values; each field counts, known or not.

    Raises:
        InvalidRequest: naming the limit.
        InvalidParams: the bytes are no message, as far as they were read.
    """
    if len(body) <= _LEAST * max_nodes:
        return
    count = 0
    waiting = [(0, len(body), cast("Descriptor", cls.DESCRIPTOR))]
    while waiting:
        at, end, kind = waiting.pop()
        children = _children(kind)
        while at < end:
            count += 1
            if count > max_nodes:
                raise InvalidRequest(f"the message has more than {max_nodes} values", neutral=True)
            tag, at = _varint(body, at, end)
            start, at = _field(body, at, end, tag & 7)
            child = children.get(tag >> 3)
            if child is not None and tag & 7 == _BYTES:
                waiting.append((start, at, child))


def _field(body: bytes, at: int, end: int, wire: int) -> tuple[int, int]:
    """The start and the end of a field's content."""
    start, stop = at, end + 1
    if wire == _BYTES:
        size, start = _varint(body, at, end)
        stop = start + size
    elif wire == _VARINT:
        _, stop = _varint(body, at, end)
    elif wire in (_FIXED64, _FIXED32):
        stop = at + (8 if wire == _FIXED64 else 4)
    if stop > end:
        raise InvalidParams("the message is not valid protobuf")
    return start, stop


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise InvalidParams("the message is not valid protobuf")
