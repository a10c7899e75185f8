"""Describes the messages of an image as the views that rules look at."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FeatureSet, FieldDescriptorProto

from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.views import ENUM, MESSAGE, EnumView, FieldView, MessageView, Shape

__all__ = ["describe", "message_view"]


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
