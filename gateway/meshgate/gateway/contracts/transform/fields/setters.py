"""Setters of fields: each sets one field of a message from its JSON value."""

from __future__ import annotations

from typing import Any

from meshgate.gateway.contracts.transform.fields.callables import Convert, Fill, Put
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import ReadNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = []


def scalar_setter(name: str, convert: Convert) -> Put:
    def put(message: Any, value: Any, _at: Location, _depth: int, _notes: ReadNotes) -> None:
        setattr(message, name, convert(value))

    return put


def list_setter(name: str, convert: Convert) -> Put:
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
    def put(message: Any, value: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        fill(inner, value, at, depth + 1, notes)

    return put
