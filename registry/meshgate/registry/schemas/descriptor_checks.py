"""Checks of the descriptors that somebody sent, which protobuf's own pool does not make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    Edition,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import Message

from meshgate.a2a.limits import Limits
from meshgate.registry.schemas.errors import BadSchema

__all__ = ["check_files", "check_texts"]

_OPTIONS = ".google.protobuf."
_RULES = ".buf.validate."
_OWNED = (_OPTIONS[1:], _RULES[1:])
_LAST = 2**29 - 1
_KEPT = range(19_000, 20_000)
"""Field numbers that protobuf keeps for itself (protobuf.dev, "Assigning Field Numbers")."""


_ENTRY = [
    ("key", 1, FieldDescriptorProto.LABEL_OPTIONAL),
    ("value", 2, FieldDescriptorProto.LABEL_OPTIONAL),
]
"""The fields of the message that a map's entries are made of."""


class _Declared(NamedTuple):
    """A message or an enum with its full name; ``depth`` counts the declarations around it."""

    name: str
    what: DescriptorProto | EnumDescriptorProto
    depth: int


def check_files(files: Sequence[FileDescriptorProto], limits: Limits) -> None:
    """Refuse what is too much, ambiguous, or of a kind that is not taken.

    Raises:
        BadSchema: names the declaration.
    """
    if len(files) > limits.schema_files:
        raise BadSchema(
            "", f"{len(files)} files are too many, at most {limits.schema_files} are taken", "leave some out"
        )
    homes: dict[str, str] = {}
    for file in files:
        _check_syntax(file)
        for name, what, depth in _declared(file):
            if depth > limits.schema_depth:
                remedy = "declare the inner messages beside the outer one"
                raise BadSchema(name, f"declarations are nested deeper than {limits.schema_depth}", remedy)
            if name in homes:
                raise BadSchema(name, f"is declared in {homes[name]} and in {file.name}", "rename one of the two")
            if name.startswith(_OWNED):
                raise BadSchema(name, "this name belongs to protobuf or protovalidate", "use a package of your own")
            homes[name] = file.name
            if len(homes) > limits.schema_types:
                remedy = "leave out what the skill does not use"
                raise BadSchema("", f"more than {limits.schema_types} messages and enums", remedy)
            _check(name, what, limits)
        for extension in file.extension:
            _check_extension(f"{file.name}: {extension.name}", extension)


def check_texts(message: Message) -> None:
    """Refuse names and texts that are no UTF-8: descriptors are proto2, whose strings no parser checks.

    Raises:
        BadSchema: there is one.
    """
    waiting = [message]
    try:
        while waiting:
            for field, value in waiting.pop().ListFields():
                parts: list[Any] = [value] if isinstance(value, (str, bytes, Message)) else _listed(value)
                waiting += [part for part in parts if isinstance(part, Message)]
                if field.type == FieldDescriptorProto.TYPE_STRING and any(isinstance(part, bytes) for part in parts):
                    raise UnicodeError
    except UnicodeError:
        raise BadSchema("", "a name or text in the set is no UTF-8", "build it again with buf or protoc") from None


def _listed(value: Any) -> list[Any]:
    return list(value) if hasattr(value, "__len__") else []


def _declared(file: FileDescriptorProto) -> Iterator[_Declared]:
    """Every message and enum of the file."""
    scope = f"{file.package}." if file.package else ""
    waiting = [_Declared(scope + one.name, one, 1) for one in file.message_type]
    waiting += [_Declared(scope + one.name, one, 1) for one in file.enum_type]
    while waiting:
        declared = waiting.pop()
        yield declared
        if isinstance(declared.what, DescriptorProto):
            inner: list[DescriptorProto | EnumDescriptorProto] = [*declared.what.nested_type, *declared.what.enum_type]
            waiting += [_Declared(f"{declared.name}.{one.name}", one, declared.depth + 1) for one in inner]


def _check_syntax(file: FileDescriptorProto) -> None:
    if file.syntax == "editions" and file.edition != Edition.EDITION_2023:
        raise BadSchema(file.name, "this edition of protobuf is not taken", "write edition 2023, proto3 or proto2")
    if file.syntax not in ("", "proto2", "proto3", "editions"):
        raise BadSchema(file.name, f"syntax {file.syntax[:32]!r} is not known", "write proto3, proto2 or edition 2023")
    if _delimited(file.options.features):
        _no_groups(file.name)


def _check(name: str, what: DescriptorProto | EnumDescriptorProto, limits: Limits) -> None:
    size = len(what.field) if isinstance(what, DescriptorProto) else len(what.value)
    if size > limits.schema_fields:
        raise BadSchema(name, f"has {size} fields or values, at most {limits.schema_fields} are taken", "divide it")
    if isinstance(what, DescriptorProto):
        _check_message(name, what)
    else:
        _check_enum(name, what)


def _check_message(name: str, message: DescriptorProto) -> None:
    if message.extension_range:
        raise BadSchema(name, "messages that may be extended are not taken", "declare the fields, or use an Any")
    if message.options.message_set_wire_format:
        raise BadSchema(name, "message sets are not taken", "declare the fields")
    entry = [(field.name, field.number, field.label) for field in message.field]
    if message.options.map_entry and entry != _ENTRY:
        raise BadSchema(name, "a map's entry is malformed", "build the descriptor set with buf or protoc")
    for extension in message.extension:
        _check_extension(f"{name}.{extension.name}", extension)
    reserved = [(span.start, span.end) for span in message.reserved_range]
    for field in message.field:
        path = f"{name}.{field.name}"
        if field.type == FieldDescriptorProto.TYPE_GROUP or _delimited(field.options.features):
            _no_groups(path)
        if not 0 < field.number <= _LAST or field.number in _KEPT:
            raise BadSchema(path, f"{field.number} can be no field number", "take one from 1 to 536870911, not 19xxx")
        if field.name in message.reserved_name or any(low <= field.number < high for low, high in reserved):
            raise BadSchema(path, "its name or number is reserved in this message", "take another name or number")
        if not field.type:
            raise BadSchema(path, "has no type", "build the descriptor set with buf or protoc")


def _check_enum(name: str, enum: EnumDescriptorProto) -> None:
    numbers: dict[int, str] = {}
    reserved = [(span.start, span.end) for span in enum.reserved_range]
    for value in enum.value:
        path = f"{name}.{value.name}"
        if value.number in numbers and not enum.options.allow_alias:
            raise BadSchema(path, f"has the number of {numbers[value.number]}", "renumber it, or set allow_alias")
        numbers[value.number] = value.name
        # Unlike those of messages, reserved ranges of enums include their end (descriptor.proto, EnumReservedRange).
        if value.name in enum.reserved_name or any(low <= value.number <= high for low, high in reserved):
            raise BadSchema(path, "its name or number is reserved in this enum", "take another name or number")


def _check_extension(path: str, extension: FieldDescriptorProto) -> None:
    """Custom options and protovalidate's predefined rules are extensions too, and the only ones that are taken."""
    if extension.type == FieldDescriptorProto.TYPE_GROUP or _delimited(extension.options.features):
        _no_groups(path)
    if not extension.extendee.startswith((_OPTIONS, _RULES)):
        raise BadSchema(path, "extends a message", "declare the field in the message itself")


def _delimited(features: FeatureSet) -> bool:
    return features.message_encoding == FeatureSet.MessageEncoding.DELIMITED


def _no_groups(path: str) -> None:
    raise BadSchema(path, "groups (delimited messages) are not taken", "use a message field")
