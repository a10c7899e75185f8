"""Descriptors of shapes, and the image that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FieldOptions,
    FileDescriptorProto,
    FileDescriptorSet,
    OneofOptions,
)

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.schemas import Image, load_image
from meshgate.registry.schemas.standard_files import VALIDATE, extension, options_class
from meshgate.sdk.schemas.derive.shapes import Element, Field, MessageShape, Rules, Shapes
from meshgate.sdk.schemas.lock.numbers import Numbering, Numbers

__all__ = ["VALUES", "build_image", "image_of_class", "package_of"]

VALUES = "Values"
"""The enum of texts called X is ``X.Values``: a message of its own around it, because the names of an enum's values are
names of what the enum stands in, and two enums of a skill may have a value in common."""

_ONEOF = "choice_"
_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
_WELL_KNOWN = {
    "timestamp": ("google/protobuf/timestamp.proto", ".google.protobuf.Timestamp"),
    "duration": ("google/protobuf/duration.proto", ".google.protobuf.Duration"),
    "struct": ("google/protobuf/struct.proto", ".google.protobuf.Struct"),
    "value": ("google/protobuf/struct.proto", ".google.protobuf.Value"),
}


def package_of(agent: str, skill: str) -> str:
    """The package of a skill's messages: ``agents.AGENT.SKILL``, each in letters, digits and underscores."""
    return ".".join(["agents", *(_identifier(name) for name in (agent, skill))])


def _identifier(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{text}" if text[0].isdigit() else text


def build_image(package: str, shapes: Shapes, numbering: Numbering, limits: Limits = DEFAULTS) -> Image:
    """The image of a skill's messages, proto3.

    Raises:
        BadSchema: there is too much of it, or it holds what protobuf refuses.
    """
    builder = _Builder(package, shapes, numbering)
    return load_image(FileDescriptorSet(file=[builder.build()]).SerializeToString(), limits)


def image_of_class(cls: Any, limits: Limits = DEFAULTS) -> Image:
    """The image of a class of protobuf messages, with all files that it needs.

    Raises:
        BadSchema: there is too much of it, or it is of a kind that is not taken.
    """
    files: dict[str, FileDescriptorProto] = {}
    waiting: list[Any] = [cls.DESCRIPTOR.file]
    while waiting:
        file = waiting.pop()
        if file.name not in files:
            files[file.name] = FileDescriptorProto()
            file.CopyToProto(files[file.name])
            waiting += file.dependencies
    return load_image(FileDescriptorSet(file=files.values()).SerializeToString(), limits)


class _Builder:
    def __init__(self, package: str, shapes: Shapes, numbering: Numbering) -> None:
        self._shapes = shapes
        self._numbering = numbering
        self._file = FileDescriptorProto(name=package.replace(".", "/") + ".proto", package=package, syntax="proto3")
        self._needs: set[str] = set()

    def build(self) -> FileDescriptorProto:
        for name in sorted(self._shapes.messages):
            self._file.message_type.append(self._message(self._shapes.messages[name]))
        for name in sorted(self._shapes.enums):
            if name not in self._numbering.texts:
                self._file.message_type.append(_enum(name, self._numbering.enums[name]))
        self._file.dependency.extend(sorted(self._needs))
        return self._file

    def _message(self, shape: MessageShape) -> DescriptorProto:
        numbers = self._numbering.messages[shape.name]
        message = DescriptorProto(name=shape.name)
        if shape.alternatives:
            oneof = message.oneof_decl.add(name=_ONEOF)
            oneof.options.MergeFromString(self._option("oneof", {"required": True}, OneofOptions))
        for field in sorted(shape.fields, key=lambda each: numbers.names[each.name]):
            self._field(message, field, numbers.names[field.name], alternative=shape.alternatives)
        for number in sorted(numbers.reserved):
            message.reserved_range.add(start=number, end=number + 1)
        message.reserved_name.extend(_free_names(numbers))
        return message

    def _field(self, message: DescriptorProto, field: Field, number: int, *, alternative: bool) -> None:
        one = message.field.add(name=field.name, number=number, json_name=field.json)
        one.label = FieldDescriptorProto.LABEL_REPEATED
        if field.shape == "map":
            self._map(message, one, field)
        else:
            self._type(one, field.element)
        if field.shape == "singular":
            one.label = FieldDescriptorProto.LABEL_OPTIONAL
            one.oneof_index = 0
            if not alternative:
                # Presence for all: a zero that was said must not be taken for one that was left out.
                one.oneof_index = len(message.oneof_decl)
                one.proto3_optional = True
                message.oneof_decl.add(name=f"_{field.name}")
        rules = self._rules(field)
        if rules:
            one.options.MergeFromString(self._option("field", rules, FieldOptions))

    def _map(self, message: DescriptorProto, one: FieldDescriptorProto, field: Field) -> None:
        name = "".join(word[:1].upper() + word[1:] for word in field.name.split("_")) + "Entry"
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        key = entry.field.add(name="key", number=1, json_name="key")
        key.type, key.label = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL
        value = entry.field.add(name="value", number=2, json_name="value")
        value.label = FieldDescriptorProto.LABEL_OPTIONAL
        self._type(value, field.element)
        one.type, one.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{self._file.package}.{message.name}.{name}"

    def _type(self, one: FieldDescriptorProto, element: Element) -> None:
        if element.kind == "message":
            one.type, one.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{self._file.package}.{element.target}"
        elif element.kind == "enum":
            if element.target in self._numbering.texts:
                one.type = FieldDescriptorProto.TYPE_STRING
            else:
                one.type = FieldDescriptorProto.TYPE_ENUM
                one.type_name = f".{self._file.package}.{element.target}.{VALUES}"
        elif element.kind in _WELL_KNOWN:
            needed, one.type_name = _WELL_KNOWN[element.kind]
            one.type = FieldDescriptorProto.TYPE_MESSAGE
            self._needs.add(needed)
        else:
            one.type = _SCALARS[element.kind]
            if element.kind == "int64":
                one.options.jstype = FieldOptions.JS_NUMBER  # as the SDK writes an int, converted or not

    # -- constraints

    def _rules(self, field: Field) -> Rules:
        inner = self._element_rules(field.element)
        rules: Rules = {"required": True} if field.required else {}
        if field.shape == "singular":
            return rules | inner
        whole = dict(field.rules) | ({"items" if field.shape == "list" else "values": inner} if inner else {})
        if field.keys:
            whole["keys"] = {"string": field.keys}
        return rules | ({"repeated" if field.shape == "list" else "map": whole} if whole else {})

    def _element_rules(self, element: Element) -> Rules:
        if element.kind == "enum" and element.target in self._numbering.texts:
            return {"string": {"in": list(self._shapes.enums[element.target].values)}}
        return {element.kind: element.rules} if element.rules else {}

    def _option(self, kind: str, rules: Rules, options: type[FieldOptions | OneofOptions]) -> bytes:
        """The bytes of options that hold protovalidate's constraints."""
        self._needs.add(VALIDATE)
        made: Any = options_class(options.DESCRIPTOR.full_name)()
        _fill(made.Extensions[extension(f"buf.validate.{kind}")], rules)
        return bytes(made.SerializeToString(deterministic=True))


def _fill(message: Any, rules: Mapping[str, Any]) -> None:
    for name, value in rules.items():
        if isinstance(value, Mapping):
            inner = getattr(message, name)
            inner.SetInParent()
            _fill(inner, value)  # pyright: ignore[reportUnknownArgumentType] - a tree of constraints
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


def _free_names(numbers: Numbers) -> list[str]:
    """The names that were removed and did not come back."""
    return sorted({name for name in numbers.reserved.values() if name not in numbers.names})


def _enum(name: str, numbers: Numbers) -> DescriptorProto:
    message = DescriptorProto(name=name)
    enum = message.enum_type.add(name=VALUES)
    for value, number in sorted(numbers.names.items(), key=lambda item: item[1]):
        enum.value.add(name=value, number=number)
    for number in sorted(numbers.reserved):
        enum.reserved_range.add(start=number, end=number)
    enum.reserved_name.extend(_free_names(numbers))
    return message
