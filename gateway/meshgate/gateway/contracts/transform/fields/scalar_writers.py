"""Writers of scalars: protobuf values become JSON's, as ProtoJSON says (protobuf.dev/programming-guides/json)."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions

from meshgate.gateway.contracts.transform.fields.callables import Convert
from meshgate.gateway.contracts.transform.fields.scalars import FLOAT_MAX, RANGES
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["key_writer", "scalar_writer", "shortest"]

_Type = FieldDescriptor


def shortest(value: float) -> Any:
    """The shortest decimal that reads back as this float, as all writers of ProtoJSON have it.

    The largest float is written in full: its short form is a little more, and there are readers that refuse it.
    """
    if not math.isfinite(value):
        return _special(value)
    for digits in range(6, 10):
        found = float(f"{value:.{digits}g}")
        if abs(found) <= FLOAT_MAX and struct.unpack("f", struct.pack("f", found))[0] == value:
            return found
    return value


def _special(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_WRITERS: dict[int, Convert] = {
    _Type.TYPE_FLOAT: shortest,
    _Type.TYPE_DOUBLE: _special,
    _Type.TYPE_BYTES: _to_base64,
    **{kind: str for kind, (name, _, _) in RANGES.items() if name.endswith("int64")},
}


def scalar_writer(field: FieldDescriptor, *, plain: bool = False) -> Convert | None:
    """The writer of the field's values, or None if they are JSON already. Enums have a writer of their own.

    Args:
        plain: for expressions: 64-bit integers, bytes and infinities as they are.
    """
    if field.type == _Type.TYPE_STRING:
        return _text
    if plain:
        return _shortest_or_special if field.type == _Type.TYPE_FLOAT else None
    if field.GetOptions().jstype == FieldOptions.JS_NUMBER:
        # ProtoJSON writes 64-bit integers as text, but readers of this schema expect numbers.
        return None
    return _WRITERS.get(field.type)


def _text(value: str | bytes) -> str:
    # The parser of proto2 accepts any bytes as text, and returns bytes if they are no UTF-8.
    if isinstance(value, bytes):
        raise InvalidValue("proto.string", "is no UTF-8 text")
    return value


def _shortest_or_special(value: float) -> float:
    return float(shortest(value)) if math.isfinite(value) else value


def key_writer(field: FieldDescriptor) -> Convert:
    """The writer of a map's keys."""
    if field.type == _Type.TYPE_STRING:
        return _text
    return _bool_key if field.type == _Type.TYPE_BOOL else str


def _bool_key(key: bool) -> str:
    return "true" if key else "false"
