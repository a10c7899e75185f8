"""Values of an agent's answer in protobuf that JSON has no form for: a timestamp out of range is left out, and a number
that is not finite becomes null, so that no finished work is lost for them.
"""

from __future__ import annotations

import math
from typing import Any

from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.message import Message as ProtoMessage

from meshgate.a2a.codec.transcode import is_map

__all__ = ["correct_message"]


def correct_message(message: ProtoMessage) -> bool:
    """Correct an answer; whether there was anything to correct."""
    if isinstance(message, struct_pb2.Value) and message.WhichOneof("kind") == "number_value":
        finite = math.isfinite(message.number_value)
        if not finite:
            message.null_value = struct_pb2.NULL_VALUE
        return not finite
    if isinstance(message, struct_pb2.Struct):
        fields: Any = message.fields
        return sum(correct_message(value) for value in fields.values()) > 0  # each is looked at
    corrected = False
    for field, value in message.ListFields():
        if isinstance(value, timestamp_pb2.Timestamp):
            corrected |= _clear_if_unreadable(message, field.name, value)
        elif isinstance(value, ProtoMessage):
            corrected |= correct_message(value)
        elif is_map(field):
            # Cards alone have maps; what they hold are texts, or messages.
            corrected |= sum(correct_message(item) for item in value.values() if isinstance(item, ProtoMessage)) > 0
        elif field.is_repeated and field.message_type is not None:
            corrected |= sum(correct_message(item) for item in value) > 0
    return corrected


def _clear_if_unreadable(message: ProtoMessage, name: str, value: timestamp_pb2.Timestamp) -> bool:
    try:
        value.ToJsonString()
    except ValueError:
        message.ClearField(name)
        return True
    return False
