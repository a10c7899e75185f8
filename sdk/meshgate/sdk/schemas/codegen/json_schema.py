"""JSON Schema (draft 2020-12) of a message's JSON form, for cards: https://protobuf.dev/programming-guides/json/."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from meshgate.sdk.schemas.descriptors import (
    WELL_KNOWN,
    TypeDescriptor,
    field_labels,
    is_required,
    map_entry,
    reachable,
    value_field,
)

__all__ = ["json_schema"]

_INTEGER: dict[str, Any] = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}
_FLOAT: dict[str, Any] = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_BYTES: dict[str, Any] = {"type": "string", "contentEncoding": "base64"}
_SCALARS: dict[int, dict[str, Any]] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_DOUBLE: _FLOAT,
    FieldDescriptor.TYPE_FLOAT: _FLOAT,
    FieldDescriptor.TYPE_STRING: {"type": "string"},
}
"""Scalars that are not listed here are integers."""
_KNOWN: dict[str, dict[str, Any]] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "Struct": {"type": "object"},
    "Value": {},
    "ListValue": {"type": "array"},
    "NullValue": {"type": "null"},
    "Any": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
    "Empty": {"type": "object", "maxProperties": 0},
    "FieldMask": {"type": "string"},
    "BoolValue": {"type": "boolean"},
    "BytesValue": _BYTES,
    "DoubleValue": _FLOAT,
    "FloatValue": _FLOAT,
    "Int32Value": _INTEGER,
    "Int64Value": _INTEGER,
    "StringValue": {"type": "string"},
    "UInt32Value": _INTEGER,
    "UInt64Value": _INTEGER,
}


def json_schema(root: Descriptor) -> dict[str, Any]:
    """The schema of a message: field names and types. Of the constraints only ``required`` has a counterpart here."""
    found = reachable(root)
    own = {name: _declared(each) for name, each in found.items()}
    return {"title": root.full_name, "$ref": f"#/$defs/{root.full_name}", "$defs": own}


def _declared(declared: TypeDescriptor) -> dict[str, Any]:
    if isinstance(declared, EnumDescriptor):
        return {"enum": [value.name for value in declared.values]}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field, label in zip(declared.fields, field_labels(declared), strict=True):
        properties[field.json_name] = _field(field, label)
        if is_required(field, label):
            required.append(field.json_name)
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _field(field: FieldDescriptor, label: int) -> dict[str, Any]:
    value = _value(value_field(field))
    if map_entry(field) is not None:
        return {"type": "object", "additionalProperties": value}
    return {"type": "array", "items": value} if label == FieldDescriptorProto.LABEL_REPEATED else value


def _value(field: FieldDescriptor) -> dict[str, Any]:
    target = field.message_type or field.enum_type
    if target is None:
        return _SCALARS.get(field.type, _INTEGER)
    known = _KNOWN.get(target.name) if target.full_name in WELL_KNOWN else None
    return known if known is not None else {"$ref": f"#/$defs/{target.full_name}"}
