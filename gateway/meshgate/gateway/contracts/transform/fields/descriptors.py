"""Facts about descriptors of fields that the stubs of protobuf do not tell."""

from __future__ import annotations

from typing import cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

__all__ = ["closed", "element_type", "enum_names", "enum_type", "is_map", "is_message"]


def element_type(field: FieldDescriptor) -> Descriptor:
    """The type of a message field; the stubs cannot know which field has one."""
    return cast("Descriptor", field.message_type)


def is_message(field: FieldDescriptor) -> bool:
    """Whether the field holds messages."""
    return field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map: to a descriptor, a repeated message of keys and values."""
    return is_message(field) and element_type(field).GetOptions().map_entry


def enum_type(field: FieldDescriptor) -> EnumDescriptor:
    """The type of an enum field; the stubs cannot know which field has one."""
    return cast("EnumDescriptor", field.enum_type)


def closed(enum: EnumDescriptor) -> bool:
    """Whether numbers that the enum does not name are unknown fields (proto2) instead of values."""
    return bool(enum.is_closed)


def enum_names(enum: EnumDescriptor) -> tuple[dict[int, str], str]:
    """The name of each number (of aliases the first), and of the fallback: the zero value, else the first."""
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    return names, names.get(0, enum.values[0].name)
