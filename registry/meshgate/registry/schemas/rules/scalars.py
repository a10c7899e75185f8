"""Which types read which: the tables behind the rules about a field's type.

From protobuf.dev, "Updating A Message Type" and "ProtoJSON Format", with one difference: a type is readable here only
if every value of the other arrives unchanged. Where the page calls int64 and int32 compatible, large numbers are cut.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from meshgate.registry.schemas.views import ENUM, MESSAGE, FieldView

__all__ = ["json_reads", "wire_reads"]

_SIGNED32, _SIGNED64 = (-(2**31), 2**31 - 1), (-(2**63), 2**63 - 1)
_UNSIGNED32, _UNSIGNED64 = (0, 2**32 - 1), (0, 2**64 - 1)

_ENCODINGS: dict[int, str] = {
    Proto.TYPE_BOOL: "varint",
    Proto.TYPE_INT32: "varint",
    Proto.TYPE_INT64: "varint",
    Proto.TYPE_UINT32: "varint",
    Proto.TYPE_UINT64: "varint",
    Proto.TYPE_ENUM: "varint",
    Proto.TYPE_SINT32: "zigzag",
    Proto.TYPE_SINT64: "zigzag",
    Proto.TYPE_FIXED32: "4 bytes",
    Proto.TYPE_SFIXED32: "4 bytes",
    Proto.TYPE_FIXED64: "8 bytes",
    Proto.TYPE_SFIXED64: "8 bytes",
}
"""How integers are written: only types of one encoding read each other at all."""

_INTEGERS: dict[int, tuple[int, int]] = {
    Proto.TYPE_INT32: _SIGNED32,
    Proto.TYPE_SINT32: _SIGNED32,
    Proto.TYPE_SFIXED32: _SIGNED32,
    Proto.TYPE_INT64: _SIGNED64,
    Proto.TYPE_SINT64: _SIGNED64,
    Proto.TYPE_SFIXED64: _SIGNED64,
    Proto.TYPE_UINT32: _UNSIGNED32,
    Proto.TYPE_FIXED32: _UNSIGNED32,
    Proto.TYPE_UINT64: _UNSIGNED64,
    Proto.TYPE_FIXED64: _UNSIGNED64,
}
_EXACT = 2**53
"""Up to here every integer is a double."""


def wire_reads(writer: FieldView, reader: FieldView) -> bool:
    """Whether every value that is written in binary as the one type arrives unchanged as the other."""
    if writer.type == reader.type or (writer.type, reader.type) == (Proto.TYPE_STRING, Proto.TYPE_BYTES):
        return True
    encoding = _ENCODINGS.get(writer.type)
    return encoding is not None and encoding == _ENCODINGS.get(reader.type) and _within(_range(writer), _room(reader))


def json_reads(writer: FieldView, reader: FieldView) -> bool:
    """Whether every value that is written as JSON as the one type arrives unchanged as the other."""
    if writer.type == reader.type:
        return True
    if MESSAGE in (writer.type, reader.type) or writer.type not in (*_INTEGERS, Proto.TYPE_FLOAT):
        return False  # names of enums, true and false, text and base64 mean nothing to another type
    if writer.type == Proto.TYPE_FLOAT:
        return reader.type == Proto.TYPE_DOUBLE
    if reader.type == Proto.TYPE_DOUBLE:
        return _within(_range(writer), (-_EXACT, _EXACT))
    return reader.type != Proto.TYPE_BOOL and _within(_range(writer), _room(reader))


def _range(field: FieldView) -> tuple[int, int]:
    """The numbers that a field may hold."""
    if field.type == Proto.TYPE_BOOL:
        return 0, 1
    return _INTEGERS.get(field.type, _SIGNED32)


def _room(field: FieldView) -> tuple[int, int]:
    """The numbers that a field takes in; a closed enum takes what it defines, which is no range."""
    if field.type == ENUM:
        return _SIGNED32 if field.enum is not None and not field.enum.closed else (1, 0)
    return _range(field) if field.type == Proto.TYPE_BOOL or field.type in _INTEGERS else (1, 0)


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
