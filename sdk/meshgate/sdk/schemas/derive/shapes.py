"""The shapes of types, as values: messages, fields and enums, before they have numbers."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Element", "EnumShape", "Field", "Kind", "MessageShape", "Rules", "Shapes"]

Kind = Literal[
    "string", "int64", "double", "bool", "bytes", "timestamp", "duration", "struct", "value", "enum", "message"
]
Rules = dict[str, object]
"""Constraints as protovalidate names them: ``{"gte": 1}`` of a number, ``{"min_len": 1}`` of a string."""


class Element(msgspec.Struct, frozen=True):
    """One value: of a field, of a list's items, of a map's values."""

    kind: Kind
    target: str = ""
    """Name of the message or enum."""
    rules: Rules = {}


class Field(msgspec.Struct, frozen=True):
    """One field of a message."""

    name: str
    json: str
    element: Element
    shape: Literal["singular", "list", "map"] = "singular"
    required: bool = False
    """Whether it has no default."""
    rules: Rules = {}
    """Constraints of the list or the map as a whole."""
    keys: Rules = {}
    """Constraints of a map's keys."""
    renamed_from: str = ""
    fills: bool = False
    """Whether it is a list or map without a default, which protobuf leaves out when it is empty."""


class MessageShape(msgspec.Struct, frozen=True):
    """One message. ``alternatives`` says that exactly one of its fields is set."""

    name: str
    fields: tuple[Field, ...] = ()
    alternatives: bool = False


class EnumShape(msgspec.Struct, frozen=True):
    """Texts of which a value is one, in the order in which they were declared."""

    name: str
    values: tuple[str, ...]


class Shapes(msgspec.Struct, frozen=True):
    """The messages and enums of a skill, by name."""

    messages: dict[str, MessageShape]
    enums: dict[str, EnumShape]
