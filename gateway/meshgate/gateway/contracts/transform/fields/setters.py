"""Setters of fields: each sets one field of a message from its JSON value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert, Fill, Put
from meshgate.gateway.contracts.transform.fields.descriptors import element_type
from meshgate.gateway.contracts.transform.fields.scalar_readers import key_reader
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import ReadNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = [
    "list_setter",
    "message_list_setter",
    "message_map_setter",
    "message_setter",
    "scalar_map_setter",
    "scalar_setter",
]

_SetItem = Callable[[Any, Any, Any, Location, int, ReadNotes], None]
_VALUE = "google.protobuf.Value"
"""The only type of which ``null`` is a message."""


def scalar_setter(name: str, convert: Convert) -> Put:
    """Sets a single scalar."""

    def put(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
        setattr(message, name, convert(value))

    return put


def list_setter(name: str, convert: Convert) -> Put:
    """Sets a list of scalars from a JSON array."""

    def put(message: Any, value: Any, at: Location, _depth: int, notes: ReadNotes) -> None:
        if value.__class__ is not list:
            raise InvalidValue("json.array", "must be an array")
        into = getattr(message, name)
        try:
            into.extend([convert(item) for item in value])
        except ValueError:
            for index, item in enumerate(value):
                try:
                    into.append(convert(item))
                except InvalidValue as bad:
                    message_text = "must not be null: an array has no gaps" if item is None else bad.message
                    notes.add((at, index, index), bad.rule, message_text)
                except ValueError:
                    notes.add((at, index, index), "json.value", "is no value of this field")

    return put


def message_setter(name: str, fill: Fill) -> Put:
    """Sets a single message."""

    def put(message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        fill(inner, value, at, depth + 1, notes)

    return put


def message_list_setter(field: FieldDescriptor, fill: Fill) -> Put:
    """Sets a list of messages from a JSON array."""
    name = field.name
    null = element_type(field).full_name == _VALUE

    def put(message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        if value.__class__ is not list:
            raise InvalidValue("json.array", "must be an array")
        add = getattr(message, name).add
        for index, item in enumerate(value):
            place = (at, index, index)
            try:
                if item is None and not null:
                    raise InvalidValue("json.null", "must not be null: an array has no gaps")
                fill(add(), item, place, depth + 1, notes)
            except InvalidValue as bad:
                notes.add(place, bad.rule, bad.message)

    return put


def scalar_map_setter(field: FieldDescriptor, convert: Convert) -> Put:
    """Sets a map to scalars from a JSON object."""

    def set_item(into: Any, key: Any, item: Any, _place: Location, _depth: int, _notes: ReadNotes) -> None:
        into[key] = convert(item)

    return _map_setter(field, set_item, null=False)


def message_map_setter(field: FieldDescriptor, fill: Fill) -> Put:
    """Sets a map to messages from a JSON object."""

    def set_item(into: Any, key: Any, item: Any, place: Location, depth: int, notes: ReadNotes) -> None:
        fill(into[key], item, place, depth + 1, notes)

    inner = element_type(field).fields_by_name["value"]
    return _map_setter(field, set_item, null=element_type(inner).full_name == _VALUE)


def _map_setter(field: FieldDescriptor, set_item: _SetItem, *, null: bool) -> Put:
    name, to_key = field.name, key_reader(element_type(field).fields_by_name["key"])

    def set_checked(into: Any, key: Any, item: Any, place: Location, depth: int, notes: ReadNotes) -> None:
        if item is None and not null:
            raise InvalidValue("json.null", "must not be null: a map has no empty entries")
        found = to_key(key)
        if found in into:
            raise InvalidValue("json.twice", "is there twice, in two spellings")
        set_item(into, found, item, place, depth, notes)

    def put(message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        if value.__class__ is not dict:
            raise InvalidValue("json.object", "must be an object")
        into = getattr(message, name)
        for key, item in value.items():
            place = (at, None, key)
            try:
                set_checked(into, key, item, place, depth, notes)
            except InvalidValue as bad:
                notes.add(place, bad.rule, bad.message)
            except (ValueError, TypeError):
                notes.add(place, "json.value", "is no entry of this map")

    return put
