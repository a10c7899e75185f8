"""Readers of the well-known types that have a JSON form of their own (ProtoJSON's table of them).

Their fields are certain: an image cannot bring its own ``google.protobuf``
(``meshgate.registry.schemas.standard_files``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import Descriptor

from meshgate.gateway.contracts.transform.fields.scalars import Convert, double, reader
from meshgate.gateway.contracts.transform.fields.times import duration, timestamp
from meshgate.gateway.contracts.transform.violations import At, Bad, Notes

__all__ = ["VALUE_FORM", "WRAPPERS", "Fill", "special"]

Fill = Callable[[Any, Any, At, int, Notes], None]
"""Fills a message: (message, JSON value, place, depth, notes). It raises :class:`Bad` for the value as a whole."""

WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
)
"""Messages whose JSON is that of their only field."""
VALUE_FORM: Final = WRAPPERS | {
    f"google.protobuf.{name}" for name in ("Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value")
}
"""Messages whose JSON an ``Any`` holds under "value"."""


def special(descriptor: Descriptor, most: int) -> Fill | None:
    """The reader of a type with a form of its own, or None. ``Any`` is not among them: it needs the other readers.

    Args:
        descriptor: the type.
        most: deepest nesting.
    """
    name = descriptor.full_name
    if name in WRAPPERS:
        return _wrapper(reader(descriptor.fields_by_name["value"]))
    return _SIMPLE.get(name) or _Dynamic(most).fills.get(name)


def _wrapper(convert: Convert) -> Fill:
    def fill(message: Any, value: Any, _at: At, _depth: int, _notes: Notes) -> None:
        message.value = convert(value)

    return fill


def _timestamp(message: Any, value: Any, _at: At, _depth: int, _notes: Notes) -> None:
    message.seconds, message.nanos = timestamp(value)


def _duration(message: Any, value: Any, _at: At, _depth: int, _notes: Notes) -> None:
    message.seconds, message.nanos = duration(value)


def _field_mask(message: Any, value: Any, _at: At, _depth: int, _notes: Notes) -> None:
    if not isinstance(value, str):
        raise Bad("json.field_mask", 'must be a list of paths such as "a.b,fooBar"')
    for path in value.split(",") if value else ():
        if "_" in path or not path.isascii():
            raise Bad("json.field_mask", "must name fields in lowerCamelCase")
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

    def _value(self, message: Any, value: Any, at: At, depth: int, notes: Notes) -> None:
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
            raise Bad("json.value", "is no JSON value")

    def _struct(self, message: Any, value: Any, at: At, depth: int, notes: Notes) -> None:
        if value.__class__ is not dict:
            raise Bad("json.object", "must be an object")
        if depth >= self._most:
            raise Bad("json.depth", f"is nested deeper than {self._most}")
        fields = message.fields
        for key, item in value.items():
            self._item(fields[key], item, (at, None, key), depth, notes)

    def _list(self, message: Any, value: Any, at: At, depth: int, notes: Notes) -> None:
        if value.__class__ is not list:
            raise Bad("json.array", "must be an array")
        if depth >= self._most:
            raise Bad("json.depth", f"is nested deeper than {self._most}")
        add = message.values.add
        for index, item in enumerate(value):
            self._item(add(), item, (at, index, index), depth, notes)

    def _item(self, message: Any, item: Any, place: At, depth: int, notes: Notes) -> None:
        try:
            self._value(message, item, place, depth, notes)
        except Bad as bad:
            notes.add(place, bad.rule, bad.message)
