"""Descriptors, read for what is made of them for people and programs without protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

from meshgate.registry.schemas.options import read_rules

__all__ = [
    "WELL_KNOWN",
    "TypeDescriptor",
    "field_labels",
    "is_required",
    "map_entry",
    "reachable",
    "same_definitions",
    "value_field",
]

TypeDescriptor = Descriptor | EnumDescriptor

WELL_KNOWN = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Any", "Duration", "Empty", "FieldMask", "ListValue", "NullValue", "Struct", "Timestamp", "Value"),
        *("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value", "StringValue"),
        *("UInt32Value", "UInt64Value"),
    )
)
"""Types whose JSON is not that of a message or an enum."""
_IGNORE_ALWAYS = 3
"""``buf.validate.Ignore``: the constraints of the field do not count."""


def reachable(root: Descriptor) -> dict[str, TypeDescriptor]:
    """The messages and enums that a message is made of, itself first, by full name; entries of maps are left out."""
    found: dict[str, TypeDescriptor] = {root.full_name: root}
    waiting = [root]
    for message in waiting:
        for field in message.fields:
            value = value_field(field)
            target = value.message_type or value.enum_type
            if target is None or target.full_name in found or target.full_name in WELL_KNOWN:
                continue
            found[target.full_name] = target
            if isinstance(target, Descriptor):
                waiting.append(target)
    return found


def same_definitions(one: Mapping[str, TypeDescriptor], other: Mapping[str, TypeDescriptor]) -> bool:
    """Whether what both declare is the same in both."""
    return all(_bytes(one[name]) == _bytes(other[name]) for name in one.keys() & other.keys())


def _bytes(declared: TypeDescriptor) -> bytes:
    copy = DescriptorProto() if isinstance(declared, Descriptor) else EnumDescriptorProto()
    declared.CopyToProto(copy)  # type: ignore[arg-type]
    return copy.SerializeToString(deterministic=True)


def value_field(field: FieldDescriptor) -> FieldDescriptor:
    """The field itself; of a map, its values."""
    entry = map_entry(field)
    return entry.fields_by_name["value"] if entry is not None else field


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The entries of a map."""
    message = field.message_type
    return message if message is not None and message.GetOptions().map_entry else None


def field_labels(message: Descriptor) -> list[int]:
    """The label of each field."""
    copy = DescriptorProto()
    message.CopyToProto(copy)
    return [field.label for field in copy.field]


def is_required(field: FieldDescriptor, label: int) -> bool:
    """Whether the field must be set."""
    if label == FieldDescriptorProto.LABEL_REQUIRED:
        return True
    rules = read_rules(field.GetOptions(), "field")
    return rules is not None and rules.required and rules.ignore != _IGNORE_ALWAYS
