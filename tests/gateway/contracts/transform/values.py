"""Messages and JSON at random, drawn by hypothesis."""

from __future__ import annotations

import math
import struct
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from meshgate.a2a.codec.strict_json import is_array, is_object

__all__ = ["junk", "messages", "same"]

_Type = FieldDescriptor
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_SPANS = {
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
}


def _integers(low: int, high: int) -> st.SearchStrategy[Any]:
    return st.sampled_from([low, high, 0, 1]) | st.integers(low, high)


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    _Type.TYPE_DOUBLE: st.floats(allow_nan=False),
    # Not the largest, of which json_format writes what it does not read.
    _Type.TYPE_FLOAT: st.floats(-(2.0**127), 2.0**127, width=32) | st.sampled_from([math.inf, -math.inf]),
    _Type.TYPE_BOOL: st.booleans(),
    _Type.TYPE_STRING: _TEXT,
    _Type.TYPE_BYTES: st.binary(max_size=6),
    **{kind: _integers(*_SPANS["INT32"]) for kind in (_Type.TYPE_INT32, _Type.TYPE_SINT32, _Type.TYPE_SFIXED32)},
    **{kind: _integers(*_SPANS["INT64"]) for kind in (_Type.TYPE_INT64, _Type.TYPE_SINT64, _Type.TYPE_SFIXED64)},
    **{kind: _integers(*_SPANS["UINT32"]) for kind in (_Type.TYPE_UINT32, _Type.TYPE_FIXED32)},
    **{kind: _integers(*_SPANS["UINT64"]) for kind in (_Type.TYPE_UINT64, _Type.TYPE_FIXED64)},
}

junk: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["1", "-1", "1.0", "1e3", "NaN", "RED", "2026-01-01T00:00:00Z", "1.5s", "a.b", "x/p.Inner", "AA=="]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
"""JSON that means nothing in particular."""


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 2) -> Message:
    """A message of the type, its well-known parts such that they have a JSON form."""
    message: Any = GetMessageClass(descriptor)()
    special = _special(descriptor.full_name)
    if special is not None:
        message.CopyFrom(type(message)(**draw(special)))
        return cast("Message", message)
    if not descriptor.fields:
        return cast("Message", message)
    chosen = draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=8, unique_by=lambda field: field.number))
    for field in (*chosen, *(each for each in descriptor.fields if each.is_required)):
        _set(draw, message, field, depth)
    return cast("Message", message)


def _special(name: str) -> st.SearchStrategy[dict[str, Any]] | None:
    nanos = st.integers(0, 999_999_999)
    if name == "google.protobuf.Timestamp":
        return st.fixed_dictionaries({"seconds": st.integers(-62_135_596_800, 253_402_300_799), "nanos": nanos})
    if name == "google.protobuf.Duration":
        return st.fixed_dictionaries({"seconds": st.integers(0, 315_575_999_999), "nanos": nanos})
    if name == "google.protobuf.FieldMask":
        paths = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,4})?(\.[a-z]{1,5})?", fullmatch=True)
        return st.fixed_dictionaries({"paths": st.lists(paths, max_size=3)})
    if name == "google.protobuf.Value":
        numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: {"number_value": x})
        return numbers | st.booleans().map(lambda x: {"bool_value": x}) | _TEXT.map(lambda x: {"string_value": x})
    if name == "google.protobuf.Any":
        return st.just({"type_url": "type.googleapis.com/p.Inner", "value": b"\x0a\x01n"}) | st.builds(dict[str, Any])
    return None


def _set(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    kind: Descriptor | None = field.message_type
    if kind is not None and depth <= 0:
        return
    if kind is not None and kind.GetOptions().map_entry:
        into = getattr(message, field.name)
        key, value = kind.fields_by_name["key"], kind.fields_by_name["value"]
        for one in draw(st.lists(_SCALARS[key.type], max_size=2)):
            if value.message_type is not None:
                into[one].CopyFrom(draw(messages(value.message_type, depth - 1)))
            else:
                into[one] = draw(_scalar(value))
    elif kind is not None and field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(messages(kind, depth - 1), max_size=2)))
    elif kind is not None:
        getattr(message, field.name).CopyFrom(draw(messages(kind, depth - 1)))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(_scalar(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_scalar(field)))


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type != _Type.TYPE_ENUM:
        return _SCALARS[field.type]
    return st.sampled_from(sorted(cast("EnumDescriptor", field.enum_type).values_by_number))


def same(first: Any, second: Any) -> bool:
    """Whether two JSON values are one, the sign of zero and the type of numbers left aside."""
    if is_object(first) and is_object(second):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    if is_array(first) and is_array(second):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float) and isinstance(second, float):
        return struct.pack("<d", first + 0.0) == struct.pack("<d", second + 0.0)
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)
