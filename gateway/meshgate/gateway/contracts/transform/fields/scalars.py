"""Scalars between JSON and protobuf, as ProtoJSON has them (protobuf.dev/programming-guides/json).

Stricter than ``json_format`` where that lets through what two readers may take for different things: no digits but
ASCII ones, no ``1_000``, no spaces, no ``true`` for a number, base64 without foreign characters.
"""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor

__all__ = ["FLOAT_MAX", "INT32", "RANGES"]
_Type = FieldDescriptor
INT32 = ("int32", -(2**31), 2**31 - 1)
_INT64 = ("int64", -(2**63), 2**63 - 1)
_UINT32 = ("uint32", 0, 2**32 - 1)
_UINT64 = ("uint64", 0, 2**64 - 1)
RANGES: dict[int, tuple[str, int, int]] = {
    _Type.TYPE_INT32: INT32,
    _Type.TYPE_SINT32: INT32,
    _Type.TYPE_SFIXED32: INT32,
    _Type.TYPE_INT64: _INT64,
    _Type.TYPE_SINT64: _INT64,
    _Type.TYPE_SFIXED64: _INT64,
    _Type.TYPE_UINT32: _UINT32,
    _Type.TYPE_FIXED32: _UINT32,
    _Type.TYPE_UINT64: _UINT64,
    _Type.TYPE_FIXED64: _UINT64,
}
"""The integer types: name, least and greatest value."""
FLOAT_MAX = (2 - 2**-23) * 2**127


# -- protobuf to JSON
