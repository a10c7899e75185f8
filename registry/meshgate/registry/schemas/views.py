"""A schema as the compatibility rules look at it: plain values of messages, fields and enums, read from an image."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FeatureSet, FieldDescriptorProto

from meshgate.registry.schemas.image import Image

__all__ = ["ENUM", "MESSAGE", "EnumView", "FieldView", "MessageView", "Shape", "describe", "message_view"]

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
        """Whether no rule about fields can tell the two apart. Of messages and maps nobody says so much."""
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


def message_view(image: Image, full_name: str) -> MessageView:
    """The message of that name.

    Raises:
        BadSchema: the image has none.
    """
    return describe(image.message(full_name))


def describe(message: Descriptor) -> MessageView:
    """What the rules look at in a message."""
    proto = DescriptorProto()
    message.CopyToProto(proto)
    declared = {field.name: field for field in proto.field}
    return MessageView(
        name=message.full_name,
        fields={field.number: _field(field, declared[field.name]) for field in message.fields},
        reserved=tuple((span.start, span.end) for span in proto.reserved_range),
        reserved_names=frozenset(proto.reserved_name),
        proto=proto,
    )


def _field(field: FieldDescriptor, declared: FieldDescriptorProto) -> FieldView:
    message = field.message_type if field.type == MESSAGE else None
    enum = field.enum_type if field.type == ENUM else None
    shape: Shape = "repeated" if declared.label == FieldDescriptorProto.LABEL_REPEATED else "singular"
    if message is not None and message.GetOptions().map_entry:
        shape = "map"
    oneof = field.containing_oneof
    return FieldView(
        name=field.name,
        number=field.number,
        json_name=field.json_name,
        type=field.type,
        shape=shape,
        presence=field.has_presence,
        required=declared.label == FieldDescriptorProto.LABEL_REQUIRED
        or declared.options.features.field_presence == FeatureSet.FieldPresence.LEGACY_REQUIRED,
        default=field.default_value if shape == "singular" and message is None else None,
        oneof=oneof.name if oneof is not None and not declared.proto3_optional else "",
        target=message.full_name if message is not None else enum.full_name if enum is not None else "",
        enum=_enum(enum) if enum is not None else None,
        message=message,
        options=declared.options.SerializeToString(deterministic=True),
    )


def _enum(enum: EnumDescriptor) -> EnumView:
    """What the rules look at in an enum."""
    proto = EnumDescriptorProto()
    enum.CopyToProto(proto)
    values: dict[int, tuple[str, ...]] = {}
    for value in proto.value:
        values[value.number] = (*values.get(value.number, ()), value.name)
    return EnumView(
        name=enum.full_name,
        values=values,
        closed=enum.is_closed,
        reserved=tuple((span.start, span.end) for span in proto.reserved_range),
        reserved_names=frozenset(proto.reserved_name),
    )
