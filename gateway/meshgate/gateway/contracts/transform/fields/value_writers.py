"""Writers of enums and of the well-known types that have a JSON form of their own (ProtoJSON lists them)."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert, Write
from meshgate.gateway.contracts.transform.fields.descriptors import enum_names, enum_type
from meshgate.gateway.contracts.transform.fields.times import duration_text, timestamp_text
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import WriteNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["WELLKNOWN_WRITERS", "enum_writer", "wrapper_writer"]
_EXACT = 2**53
"""Every integer up to this one has a double of its own."""


def enum_writer(field: FieldDescriptor) -> Write:
    """Writes the name of an enum's value; a number without a name becomes the fallback, with a note."""
    enum = enum_type(field)
    names, fallback = enum_names(enum)
    null = enum.full_name == "google.protobuf.NullValue"

    def write(number: int, at: Location, _depth: int, out: WriteNotes) -> str | None:
        name = names.get(number)
        if name is None:
            out.fall_back(at, f"{number} is no number of {enum.full_name}: {fallback} stands in for it")
            name = fallback
        return None if null else name

    return write


def wrapper_writer(convert: Convert | None) -> Write:
    """Writes a wrapper such as ``Int64Value`` as the JSON of its value."""

    def write(message: Any, _at: Location, _depth: int, _out: WriteNotes) -> Any:
        return message.value if convert is None else convert(message.value)

    return write


def _timestamp(message: Any, _at: Location, _depth: int, _out: WriteNotes) -> str:
    return timestamp_text(message.seconds, message.nanos)


def _duration(message: Any, _at: Location, _depth: int, _out: WriteNotes) -> str:
    return duration_text(message.seconds, message.nanos)


def _field_mask(message: Any, _at: Location, _depth: int, _out: WriteNotes) -> str:
    return ",".join(_camel(path) for path in message.paths)


def _camel(path: str) -> str:
    out: list[str] = []
    after = False
    for char in path:
        if char.isupper() or (after and not char.islower()) or not char.isascii():
            raise InvalidValue("proto.field_mask", "holds a path that has no JSON form")
        if char != "_":
            out.append(char.upper() if after else char)
        after = char == "_"
    if after:
        raise InvalidValue("proto.field_mask", "holds a path that has no JSON form")
    return "".join(out)


def _value(message: Any, at: Location, depth: int, out: WriteNotes) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        number: float = message.number_value
        if number - number != 0:
            raise InvalidValue("proto.value", "is a number that is not finite, so JSON cannot hold it", at)
        whole = number.is_integer() and abs(number) <= _EXACT and (number != 0 or str(number) == "0.0")
        return int(number) if whole else number
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return _struct(message.struct_value, at, depth, out)
    return _list(message.list_value, at, depth, out) if kind == "list_value" else None


def _struct(message: Any, at: Location, depth: int, out: WriteNotes) -> dict[str, Any]:
    out.spend(len(message.fields))
    return {key: _value(item, (at, None, key), depth + 1, out) for key, item in message.fields.items()}


def _list(message: Any, at: Location, depth: int, out: WriteNotes) -> list[Any]:
    out.spend(len(message.values))
    return [_value(item, (at, index, index), depth + 1, out) for index, item in enumerate(message.values)]


WELLKNOWN_WRITERS: dict[str, Write] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.Value": _value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
}
