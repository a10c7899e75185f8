"""Converts A2A's messages between JSON trees and protobuf, by tables that are made once from the descriptors.

``json_format`` does the same for any message at some tens of microseconds a call; A2A's schema is fixed, so a table of
converters for each field is enough. Protobuf's classes come from a2a-sdk's generated modules: a second copy of
``lf.a2a.v1`` in one process is an error of the protobuf runtime.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Callable
from typing import Any, cast

from google.api import field_behavior_pb2  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
from google.protobuf import empty_pb2, json_format, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message as ProtoMessage

from a2a.types import a2a_pb2
from meshgate.a2a.codec.short_text import first_sentence
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.messages.base import A2AMessage, Empty
from meshgate.a2a.messages.push_config import CreateTaskPushNotificationConfigRequest

__all__ = ["proto_class", "to_proto", "to_tree"]

_Convert = Callable[[Any], Any]
_EXACT = 2**53
"""Every integer up to here has a double of its own; beyond, JSON and protobuf may differ."""


_OTHERWISE: dict[type[A2AMessage], type[ProtoMessage]] = {
    Empty: empty_pb2.Empty,
    CreateTaskPushNotificationConfigRequest: a2a_pb2.TaskPushNotificationConfig,
}
"""Classes that have another name here than in protobuf."""


@functools.cache
def proto_class(kind: type[A2AMessage]) -> type[ProtoMessage]:
    """The generated class of ``kind``."""
    found: type[ProtoMessage] = _OTHERWISE.get(kind) or getattr(a2a_pb2, kind.__name__)
    return found


def message_type(field: FieldDescriptor) -> Descriptor:
    """The type of a message field; of any other field there is none, and the stubs cannot know which one it is."""
    return cast("Descriptor", field.message_type)


def _enum_type(field: FieldDescriptor) -> EnumDescriptor:
    return cast("EnumDescriptor", field.enum_type)


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map: to a descriptor, a repeated message of keys and values."""
    return field.type == FieldDescriptor.TYPE_MESSAGE and message_type(field).GetOptions().map_entry


# -- protobuf to JSON


def _number(value: float) -> Any:
    if math.isfinite(value):
        whole = value.is_integer() and abs(value) <= _EXACT and (value != 0 or math.copysign(1.0, value) > 0)
        return int(value) if whole else value
    raise InvalidParams("a number in the message is not finite, so JSON cannot hold it")


def _value_to_tree(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        return _number(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return _struct_to_tree(value.struct_value)
    if kind == "list_value":
        return [_value_to_tree(item) for item in value.list_value.values]
    return None


def _struct_to_tree(value: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _value_to_tree(item) for key, item in value.fields.items()}


def _timestamp_to_tree(value: timestamp_pb2.Timestamp) -> str:
    try:
        return value.ToJsonString()
    except ValueError:
        raise InvalidParams("a timestamp in the message is out of range") from None


def _bytes_to_tree(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_WELL_KNOWN_TO_TREE: dict[str, _Convert] = {
    "google.protobuf.Struct": _struct_to_tree,
    "google.protobuf.Value": _value_to_tree,
    "google.protobuf.Timestamp": _timestamp_to_tree,
}


def _same(value: Any) -> Any:
    return value


def _tree_converter(field: FieldDescriptor) -> _Convert:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _WELL_KNOWN_TO_TREE.get(message_type(field).full_name) or to_tree
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes_to_tree
    if field.type == FieldDescriptor.TYPE_ENUM:
        names = {number: value.name for number, value in _enum_type(field).values_by_number.items()}
        return lambda number: names.get(number, number)
    return _same


def _many(convert: _Convert) -> _Convert:
    return list if convert is _same else lambda values: [convert(value) for value in values]


_Table = tuple[dict[int, tuple[str, _Convert]], tuple[tuple[str, Any], ...]]


@functools.cache
def _tree_table(descriptor: Descriptor) -> _Table:
    """The converters by field number, and the required fields with the defaults that are written for them."""
    table: dict[int, tuple[str, _Convert]] = {}
    required: list[tuple[str, Any]] = []
    for field in descriptor.fields:
        if is_map(field):
            convert = _tree_converter(message_type(field).fields_by_name["value"])
            table[field.number] = (field.json_name, _map_to_tree(convert))
            continue
        convert = _tree_converter(field)
        table[field.number] = (field.json_name, _many(convert) if field.is_repeated else convert)
        if _is_required(field):
            required.append((field.json_name, None if field.is_repeated else convert(field.default_value)))
    return table, tuple(required)


def _is_required(field: FieldDescriptor) -> bool:
    # An absent message has no default to write; anything else has one.
    if field.has_presence:
        return False
    options: Any = field.GetOptions()  # the stubs of extensions and of field_behavior disagree
    return field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]


def _map_to_tree(convert: _Convert) -> _Convert:
    return lambda values: {key: convert(values[key]) for key in values}


def to_tree(message: ProtoMessage) -> dict[str, Any]:
    """The JSON tree of a protobuf message: ProtoJSON, without fields at their defaults unless they are required.

    Raises:
        InvalidParams: a number in it is not finite, or a timestamp out of range.
    """
    table, required = _tree_table(message.DESCRIPTOR)
    out: dict[str, Any] = {}
    for field, value in message.ListFields():
        name, convert = table[field.number]
        out[name] = convert(value)
    for name, default in required:
        if name not in out:
            out[name] = [] if default is None else default
    return out


# -- JSON to protobuf


_DEEPEST = 90
"""Levels of messages below a field of any JSON value. Protobuf reads 100, and A2A's own messages are above."""


def _set_value(target: struct_pb2.Value, tree: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested more deeply than protobuf reads")
    if tree is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(tree, str):
        target.string_value = tree
    elif isinstance(tree, bool):
        target.bool_value = tree
    elif is_object(tree):
        _set_struct(target.struct_value, tree, depth + 1)
    elif is_array(tree):
        target.list_value.SetInParent()
        for item in tree:
            _set_value(target.list_value.values.add(), item, depth + 2)
    else:
        target.number_value = tree


def _set_struct(target: struct_pb2.Struct, tree: dict[str, Any], depth: int = 0) -> None:
    target.SetInParent()
    for key, item in tree.items():
        _set_value(target.fields[key], item, depth + 2)


def _set_timestamp(target: timestamp_pb2.Timestamp, tree: str) -> None:
    try:
        target.FromJsonString(tree)
    except ValueError as error:
        raise InvalidParams(f"{tree[:40]!r} is no RFC 3339 timestamp") from error
    target.SetInParent()


def _bytes_from_tree(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


_WELL_KNOWN_SET: dict[str, Callable[[Any, Any], None]] = {
    "google.protobuf.Struct": _set_struct,
    "google.protobuf.Value": _set_value,
    "google.protobuf.Timestamp": _set_timestamp,
}
_Setter = Callable[[Any, Any], None]


def _fill(target: Any, tree: dict[str, Any]) -> None:
    table = _set_table(target.DESCRIPTOR)
    for key, value in tree.items():
        setter = table.get(key)
        if setter is not None:
            setter(target, value)


def _fill_present(target: Any, tree: dict[str, Any]) -> None:
    target.SetInParent()
    _fill(target, tree)


def _scalar_setter(field: FieldDescriptor) -> _Setter:
    name = field.name
    convert: _Convert = _same
    if field.type == FieldDescriptor.TYPE_BYTES:
        convert = _bytes_from_tree
    if field.type == FieldDescriptor.TYPE_ENUM:
        numbers = {value.name: value.number for value in _enum_type(field).values}
        convert = numbers.__getitem__
    if field.is_repeated:
        return lambda target, value: getattr(target, name).extend([convert(item) for item in value])
    return lambda target, value: setattr(target, name, convert(value))


def _message_setter(field: FieldDescriptor) -> _Setter:
    name = field.name
    fill: _Setter = _WELL_KNOWN_SET.get(message_type(field).full_name, _fill_present)
    if not field.is_repeated:
        return lambda target, value: fill(getattr(target, name), value)

    def add_all(target: Any, values: list[Any]) -> None:
        for value in values:
            fill(getattr(target, name).add(), value)

    return add_all


def _map_setter(field: FieldDescriptor) -> _Setter:
    # Only cards have maps, and cards are off the path of calls.
    return lambda target, value: json_format.ParseDict({field.json_name: value}, target, ignore_unknown_fields=True)


@functools.cache
def _set_table(descriptor: Descriptor) -> dict[str, _Setter]:
    table: dict[str, _Setter] = {}
    for field in descriptor.fields:
        if is_map(field):
            table[field.json_name] = _map_setter(field)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            table[field.json_name] = _message_setter(field)
        else:
            table[field.json_name] = _scalar_setter(field)
    return table


def to_proto(tree: dict[str, Any], cls: type[ProtoMessage]) -> ProtoMessage:
    """The protobuf message of a JSON tree that was checked; keys that protobuf does not know are left out.

    Raises:
        InvalidParams: a value has no protobuf form (an invalid timestamp, or nesting too deep).
    """
    message = cls()
    try:
        _fill(message, tree)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, json_format.ParseError) as error:
        why = "a number is too large" if isinstance(error, OverflowError) else first_sentence(error, 120)
        raise InvalidParams(f"the message has no protobuf form: {why}") from error
    return message
