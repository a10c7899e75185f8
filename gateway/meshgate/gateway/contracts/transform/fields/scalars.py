"""Scalars between JSON and protobuf, as ProtoJSON has them (protobuf.dev/programming-guides/json).

Stricter than ``json_format`` where that lets through what two readers may take for different things: no digits but
ASCII ones, no ``1_000``, no spaces, no ``true`` for a number, base64 without foreign characters.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from typing import Any, cast

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions

from meshgate.gateway.contracts.transform.violations import Bad

__all__ = [
    "RANGES",
    "Convert",
    "closed",
    "double",
    "enum_names",
    "enum_reader",
    "enum_type",
    "key_reader",
    "key_writer",
    "reader",
    "shortest",
    "writer",
]

Convert = Callable[[Any], Any]

_Type = FieldDescriptor
_INT32 = ("int32", -(2**31), 2**31 - 1)
_INT64 = ("int64", -(2**63), 2**63 - 1)
_UINT32 = ("uint32", 0, 2**32 - 1)
_UINT64 = ("uint64", 0, 2**64 - 1)
RANGES: dict[int, tuple[str, int, int]] = {
    _Type.TYPE_INT32: _INT32,
    _Type.TYPE_SINT32: _INT32,
    _Type.TYPE_SFIXED32: _INT32,
    _Type.TYPE_INT64: _INT64,
    _Type.TYPE_SINT64: _INT64,
    _Type.TYPE_SFIXED64: _INT64,
    _Type.TYPE_UINT32: _UINT32,
    _Type.TYPE_FIXED32: _UINT32,
    _Type.TYPE_UINT64: _UINT64,
    _Type.TYPE_FIXED64: _UINT64,
}
"""The integer types: name, least and greatest value."""
_DIGITS = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,800})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_MAX = (2 - 2**-23) * 2**127
_FLOAT_EDGE = (2 - 2**-24) * 2**127
"""From here on a double rounds to more than the largest float."""


def _integer(kind: str, least: int, most: int, rule: str = "") -> Convert:
    rule = rule or f"json.{kind}"

    def read(value: Any) -> int:
        cls = value.__class__
        if (cls is str and _DIGITS.fullmatch(value)) or (cls is float and value.is_integer()):
            value = int(value)
        elif cls is not int:
            raise Bad(rule, f"must be a whole number ({kind})")
        if not least <= value <= most:
            raise Bad(rule, f"must be from {least} to {most} ({kind})")
        number: int = value
        return number

    return read


def double(value: Any) -> float:
    """A double from JSON. Raises :class:`Bad`."""
    cls = value.__class__
    if cls is float:
        if math.isfinite(value):
            number: float = value
            return number
    elif cls is int:
        try:
            return float(value)
        except OverflowError:
            raise Bad("json.double", "is too large for a double") from None
    elif cls is str:
        if value in _SPECIAL:
            return _SPECIAL[value]
        if _NUMBER.fullmatch(value) and math.isfinite(found := float(value)):
            return found
    raise Bad("json.double", 'must be a number, or "NaN", "Infinity" or "-Infinity"')


def _float(value: Any) -> float:
    number = double(value)
    if -_FLOAT_MAX <= number <= _FLOAT_MAX or not math.isfinite(number):
        return number
    if abs(number) >= _FLOAT_EDGE:
        raise Bad("json.float", "is too large for a float")
    return math.copysign(_FLOAT_MAX, number)


def _bool(value: Any) -> bool:
    if value is True or value is False:
        truth: bool = value
        return truth
    raise Bad("json.bool", "must be true or false")


def _string(value: Any) -> str:
    if value.__class__ is str:
        text: str = value
        return text
    raise Bad("json.string", "must be a string")


def _bytes(value: Any) -> bytes:
    if value.__class__ is str:
        try:
            padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
            return base64.b64decode(padded, validate=True)
        except (binascii.Error, ValueError):
            pass
    elif value.__class__ is bytes:  # what a migration made; JSON has no bytes
        data: bytes = value
        return data
    raise Bad("json.bytes", "must be base64")


def enum_type(field: FieldDescriptor) -> EnumDescriptor:
    """The type of an enum field; the stubs cannot know which field has one."""
    return cast("EnumDescriptor", field.enum_type)


def closed(enum: EnumDescriptor) -> bool:
    """Whether numbers that the enum does not name are unknown fields (proto2) instead of values."""
    return bool(enum.is_closed)


def enum_reader(enum: EnumDescriptor) -> Convert:
    """Reads a value's name or number. Of an open enum any int32 is a value."""
    numbers = {name: value.number for name, value in enum.values_by_name.items()}
    known = frozenset(enum.values_by_number)
    whole = _integer(*_INT32, rule="json.enum")
    is_closed, null = closed(enum), enum.full_name == "google.protobuf.NullValue"
    shown = ", ".join(list(numbers)[:8])

    def read(value: Any) -> int:
        if value.__class__ is str:
            number = numbers.get(value)
            if number is not None:
                return number
            if not _DIGITS.fullmatch(value):
                raise Bad("json.enum", f"is no value of {enum.full_name}, which has {shown}")
        elif value is None and null:
            return 0
        elif value.__class__ is str or isinstance(value, bool) or not isinstance(value, int | float):
            raise Bad("json.enum", f"must be the name of a value of {enum.full_name}, such as {shown}")
        number = int(whole(value))
        if is_closed and number not in known:
            raise Bad("json.enum", f"is no number of {enum.full_name}")
        return number

    return read


def enum_names(enum: EnumDescriptor) -> tuple[dict[int, str], str]:
    """The name of each number (of aliases the first), and of the fallback: the zero value, else the first."""
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    return names, names.get(0, enum.values[0].name)


_READERS: dict[int, Convert] = {
    **{kind: _integer(*span) for kind, span in RANGES.items()},
    _Type.TYPE_DOUBLE: double,
    _Type.TYPE_FLOAT: _float,
    _Type.TYPE_BOOL: _bool,
    _Type.TYPE_STRING: _string,
    _Type.TYPE_BYTES: _bytes,
}


def reader(field: FieldDescriptor) -> Convert:
    """What makes a JSON value into a value of the field. It raises :class:`Bad`."""
    return enum_reader(enum_type(field)) if field.type == _Type.TYPE_ENUM else _READERS[field.type]


def key_reader(field: FieldDescriptor) -> Convert:
    """What makes a JSON key into a key of a map."""
    read = _READERS[field.type]
    if field.type != _Type.TYPE_BOOL:
        return read

    def read_bool(key: str) -> bool:
        if key not in ("true", "false"):
            raise Bad("json.bool", 'a key of this map must be "true" or "false"')
        return key == "true"

    return read_bool


# -- protobuf to JSON


def shortest(value: float) -> Any:
    """The shortest decimal that is this float, as ProtoJSON's writers agree on.

    The largest float is written in full: its short form is a little more, and there are readers that refuse it.
    """
    if not math.isfinite(value):
        return _special(value)
    for digits in range(6, 10):
        found = float(f"{value:.{digits}g}")
        if abs(found) <= _FLOAT_MAX and struct.unpack("f", struct.pack("f", found))[0] == value:
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


def writer(field: FieldDescriptor, *, plain: bool = False) -> Convert | None:
    """What makes a value into JSON, or None if it is JSON already. Enums are not scalars here.

    Args:
        plain: for expressions: 64-bit integers, bytes and infinities as they are.
    """
    if field.type == _Type.TYPE_STRING:
        return _text
    if plain:
        return _shortest_or_special if field.type == _Type.TYPE_FLOAT else None
    if field.GetOptions().jstype == FieldOptions.JS_NUMBER:
        # ProtoJSON writes 64-bit integers as text. Where the schema asks for numbers, its readers know nothing else.
        return None
    return _WRITERS.get(field.type)


def _text(value: str | bytes) -> str:
    # Of proto2 the parser takes any bytes for text, and hands out as bytes what is none.
    if isinstance(value, bytes):
        raise Bad("proto.string", "is no UTF-8 text")
    return value


def _shortest_or_special(value: float) -> float:
    return float(shortest(value)) if math.isfinite(value) else value


def key_writer(field: FieldDescriptor) -> Convert:
    """What makes a map's key into a JSON key."""
    if field.type == _Type.TYPE_STRING:
        return _text
    return _bool_key if field.type == _Type.TYPE_BOOL else str


def _bool_key(key: bool) -> str:
    return "true" if key else "false"
