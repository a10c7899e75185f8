"""Readers of scalars: JSON values become protobuf's, as ProtoJSON says (protobuf.dev/programming-guides/json).

They are stricter than ``json_format`` where that accepts what two readers may take for different things: no digits but
ASCII ones, no ``1_000``, no spaces, no ``true`` for a number, base64 without foreign characters.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert
from meshgate.gateway.contracts.transform.fields.descriptors import closed, enum_type
from meshgate.gateway.contracts.transform.fields.scalars import FLOAT_MAX, INT32, RANGES
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["double", "enum_reader", "key_reader", "scalar_reader"]

_Type = FieldDescriptor

_DIGITS = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,800})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_EDGE = (2 - 2**-24) * 2**127
"""A double of this size or more rounds to more than the largest float."""


def _integer(kind: str, least: int, most: int, rule: str = "") -> Convert:
    rule = rule or f"json.{kind}"

    def read(value: Any) -> int:
        cls = value.__class__
        if (cls is str and _DIGITS.fullmatch(value)) or (cls is float and value.is_integer()):
            value = int(value)
        elif cls is not int:
            raise InvalidValue(rule, f"must be a whole number ({kind})")
        if not least <= value <= most:
            raise InvalidValue(rule, f"must be from {least} to {most} ({kind})")
        number: int = value
        return number

    return read


def double(value: Any) -> float:
    """A double from JSON. Raises :class:`InvalidValue`."""
    cls = value.__class__
    if cls is float:
        if math.isfinite(value):
            number: float = value
            return number
    elif cls is int:
        try:
            return float(value)
        except OverflowError:
            raise InvalidValue("json.double", "is too large for a double") from None
    elif cls is str:
        if value in _SPECIAL:
            return _SPECIAL[value]
        if _NUMBER.fullmatch(value) and math.isfinite(found := float(value)):
            return found
    raise InvalidValue("json.double", 'must be a number, or "NaN", "Infinity" or "-Infinity"')


def _float(value: Any) -> float:
    number = double(value)
    if -FLOAT_MAX <= number <= FLOAT_MAX or not math.isfinite(number):
        return number
    if abs(number) >= _FLOAT_EDGE:
        raise InvalidValue("json.float", "is too large for a float")
    return math.copysign(FLOAT_MAX, number)


def _bool(value: Any) -> bool:
    if value is True or value is False:
        truth: bool = value
        return truth
    raise InvalidValue("json.bool", "must be true or false")


def _string(value: Any) -> str:
    if value.__class__ is str:
        text: str = value
        return text
    raise InvalidValue("json.string", "must be a string")


def _bytes(value: Any) -> bytes:
    if value.__class__ is str:
        try:
            padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
            return base64.b64decode(padded, validate=True)
        except (binascii.Error, ValueError):
            pass
    elif value.__class__ is bytes:  # a migration may return bytes; JSON has none
        data: bytes = value
        return data
    raise InvalidValue("json.bytes", "must be base64")


def enum_reader(enum: EnumDescriptor) -> Convert:
    """Reads the name or the number of an enum's value. For an open enum any int32 is a value."""
    numbers = {name: value.number for name, value in enum.values_by_name.items()}
    known = frozenset(enum.values_by_number)
    whole = _integer(*INT32, rule="json.enum")
    is_closed, null = closed(enum), enum.full_name == "google.protobuf.NullValue"
    shown = ", ".join(list(numbers)[:8])

    def read(value: Any) -> int:
        if value.__class__ is str:
            number = numbers.get(value)
            if number is not None:
                return number
            if not _DIGITS.fullmatch(value):
                raise InvalidValue("json.enum", f"is no value of {enum.full_name}, which has {shown}")
        elif value is None and null:
            return 0
        elif value.__class__ is str or isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValue("json.enum", f"must be the name of a value of {enum.full_name}, such as {shown}")
        number = int(whole(value))
        if is_closed and number not in known:
            raise InvalidValue("json.enum", f"is no number of {enum.full_name}")
        return number

    return read


_READERS: dict[int, Convert] = {
    **{kind: _integer(*span) for kind, span in RANGES.items()},
    _Type.TYPE_DOUBLE: double,
    _Type.TYPE_FLOAT: _float,
    _Type.TYPE_BOOL: _bool,
    _Type.TYPE_STRING: _string,
    _Type.TYPE_BYTES: _bytes,
}


def scalar_reader(field: FieldDescriptor) -> Convert:
    """The reader of the field's JSON values. It raises :class:`InvalidValue`."""
    return enum_reader(enum_type(field)) if field.type == _Type.TYPE_ENUM else _READERS[field.type]


def key_reader(field: FieldDescriptor) -> Convert:
    """The reader of a map's keys."""
    read = _READERS[field.type]
    if field.type != _Type.TYPE_BOOL:
        return read

    def read_bool(key: str) -> bool:
        if key not in ("true", "false"):
            raise InvalidValue("json.bool", 'a key of this map must be "true" or "false"')
        return key == "true"

    return read_bool
