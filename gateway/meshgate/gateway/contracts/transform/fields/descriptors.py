"""Facts about descriptors of fields and enums, with types that the stubs of protobuf lack."""

from __future__ import annotations

from typing import cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

__all__ = ["closed", "element_type", "enum_names", "enum_type", "is_map", "is_message"]


def element_type(field: FieldDescriptor) -> Descriptor:
    """The type of a message field. The stubs cannot say which fields have one."""
    return cast("Descriptor", field.message_type)


def is_message(field: FieldDescriptor) -> bool:
    """Whether the field holds messages."""
    return field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map. For descriptors that is a repeated message of key and value."""
    return is_message(field) and element_type(field).GetOptions().map_entry


def enum_type(field: FieldDescriptor) -> EnumDescriptor:
    """The type of an enum field. The stubs cannot say which fields have one."""
    return cast("EnumDescriptor", field.enum_type)


def closed(enum: EnumDescriptor) -> bool:
    """Whether a number without a name is an unknown field (proto2) instead of a value of the enum."""
    return bool(enum.is_closed)


def enum_names(enum: EnumDescriptor) -> tuple[dict[int, str], str]:
    """The name of each number (the first of aliases), and the name of the fallback: the value zero, else the first."""
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    return names, names.get(0, enum.values[0].name)
