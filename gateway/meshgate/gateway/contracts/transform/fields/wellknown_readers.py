"""Readers of the well-known types that have a JSON form of their own (ProtoJSON lists them)."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor import Descriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert, Fill
from meshgate.gateway.contracts.transform.fields.scalar_readers import double, scalar_reader
from meshgate.gateway.contracts.transform.fields.times import duration, timestamp
from meshgate.gateway.contracts.transform.fields.wellknown import WRAPPERS
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import ReadNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["wellknown_reader"]


def wellknown_reader(descriptor: Descriptor, most: int) -> Fill | None:
    """The reader of a type with a JSON form of its own, or None. ``Any`` has none here, because it needs all readers.

    Args:
        descriptor: the type.
        most: deepest nesting.
    """
    name = descriptor.full_name
    if name in WRAPPERS:
        return _wrapper(scalar_reader(descriptor.fields_by_name["value"]))
    return _SIMPLE.get(name) or _Dynamic(most).fills.get(name)


def _wrapper(convert: Convert) -> Fill:
    def fill(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
        message.value = convert(value)

    return fill


def _timestamp(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
    message.seconds, message.nanos = timestamp(value)


def _duration(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
    message.seconds, message.nanos = duration(value)


def _field_mask(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
    if not isinstance(value, str):
        raise InvalidValue("json.field_mask", 'must be a list of paths such as "a.b,fooBar"')
    for path in value.split(",") if value else ():
        if "_" in path or not path.isascii():
            raise InvalidValue("json.field_mask", "must name fields in lowerCamelCase")
        message.paths.append("".join(f"_{char.lower()}" if char.isupper() else char for char in path))


_SIMPLE: dict[str, Fill] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
}


class _Dynamic:
    """Readers of ``Value``, ``Struct`` and ``ListValue``, which hold each other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.fills: Final[dict[str, Fill]] = {
            "google.protobuf.Value": self._value,
            "google.protobuf.Struct": self._struct,
            "google.protobuf.ListValue": self._list,
        }

    def _value(self, message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        cls = value.__class__
        if cls is str:
            message.string_value = value
        elif cls is bool:
            message.bool_value = value
        elif value is None:
            message.null_value = 0
        elif cls is dict:
            message.struct_value.SetInParent()
            self._struct(message.struct_value, value, at, depth + 1, notes)
        elif cls is list:
            message.list_value.SetInParent()
            self._list(message.list_value, value, at, depth + 1, notes)
        elif cls is int or cls is float:
            message.number_value = double(value)
        else:
            raise InvalidValue("json.value", "is no JSON value")

    def _struct(self, message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        if value.__class__ is not dict:
            raise InvalidValue("json.object", "must be an object")
        if depth >= self._most:
            raise InvalidValue("json.depth", f"is nested deeper than {self._most}")
        fields = message.fields
        for key, item in value.items():
            self._item(fields[key], item, (at, None, key), depth, notes)

    def _list(self, message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        if value.__class__ is not list:
            raise InvalidValue("json.array", "must be an array")
        if depth >= self._most:
            raise InvalidValue("json.depth", f"is nested deeper than {self._most}")
        add = message.values.add
        for index, item in enumerate(value):
            self._item(add(), item, (at, index, index), depth, notes)

    def _item(self, message: Any, item: Any, place: Location, depth: int, notes: ReadNotes) -> None:
        try:
            self._value(message, item, place, depth, notes)
        except InvalidValue as bad:
            notes.add(place, bad.rule, bad.message)
