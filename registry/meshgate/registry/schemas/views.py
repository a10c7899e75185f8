"""A schema as the compatibility rules look at it: plain values of messages, fields and enums."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

__all__ = ["ENUM", "MESSAGE", "EnumView", "FieldView", "MessageView", "Shape"]

Shape = Literal["singular", "repeated", "map"]
MESSAGE: int = FieldDescriptorProto.TYPE_MESSAGE
ENUM: int = FieldDescriptorProto.TYPE_ENUM


class EnumView(msgspec.Struct, frozen=True, dict=True):
    """An enum: its names for each number (the first is the one that is written), and what it reserves."""

    name: str
    values: Mapping[int, tuple[str, ...]]
    closed: bool
    reserved: tuple[tuple[int, int], ...]
    """Reserved numbers, both ends included."""
    reserved_names: frozenset[str]

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each name."""
        return {name: number for number, names in self.values.items() for name in names}


class FieldView(msgspec.Struct, frozen=True):
    """A field. ``options`` (serialised) hold its constraints, ``target`` names its message or enum, ``oneof`` the oneof
    it is in.
    """

    name: str
    number: int
    json_name: str
    type: int
    shape: Shape
    presence: bool
    """Whether "not set" can be told from the default."""
    required: bool
    """Whether proto2 refuses a message without it."""
    default: Any
    oneof: str
    target: str
    enum: EnumView | None
    message: Descriptor | None
    options: bytes

    def same(self, other: FieldView) -> bool:
        """Whether no rule can find a difference; never true of messages and maps, whose fields are looked at apart."""
        # 0.0 equals -0.0, and is another default.
        return self.message is None and self == other and repr(self.default) == repr(other.default)

    @property
    def kind(self) -> str:
        """The type as it is written in a .proto file."""
        return self.target or _KINDS[self.type]


class MessageView(msgspec.Struct, frozen=True, dict=True):
    """A message: its fields by number, and what it reserves."""

    name: str
    fields: Mapping[int, FieldView]
    reserved: tuple[tuple[int, int], ...]
    """Reserved numbers, the end not included."""
    reserved_names: frozenset[str]
    proto: DescriptorProto

    @functools.cached_property
    def json_names(self) -> dict[str, int]:
        """The number of each name under which JSON may bring a field."""
        names = {field.name: number for number, field in self.fields.items()}
        return names | {field.json_name: number for number, field in self.fields.items()}


_KINDS: dict[int, str] = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}
