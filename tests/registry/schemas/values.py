"""Values of any message type, and what one of them holds, as plain data that can be compared across schemas."""

from __future__ import annotations

import random
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from meshgate.registry.schemas import Image
from meshgate.registry.schemas.description import message_view
from meshgate.registry.schemas.views import FieldView, MessageView

__all__ = ["fill", "shared"]

_FLOAT = FieldDescriptor.TYPE_FLOAT
_SPANS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
}


def fill(message: Message, view: MessageView, image: Image, rng: random.Random, depth: int = 3) -> None:
    """Set fields at random, those that are required always."""
    target: Any = message
    for field in view.fields.values():
        if not field.required and rng.random() < 0.3:
            continue
        if field.shape == "map" and field.message is not None:
            entry = message_view(image, field.target)
            for _ in range(rng.randint(0, 2)):
                getattr(target, field.name)[value(entry.fields[1], rng)] = value(entry.fields[2], rng)
        elif field.message is not None:
            inner = [getattr(target, field.name)] if field.shape == "singular" else []
            inner += [getattr(target, field.name).add() for _ in range(rng.randint(0, 2)) if field.shape == "repeated"]
            for one in inner if depth else []:
                one.SetInParent()
                fill(one, message_view(image, field.target), image, rng, depth - 1)
        elif field.shape == "repeated":
            getattr(target, field.name).extend(value(field, rng) for _ in range(rng.randint(0, 3)))
        else:
            setattr(target, field.name, value(field, rng))


def value(field: FieldView, rng: random.Random) -> Any:
    """A value of a scalar or an enum, near the ends of what it can hold as often as not."""
    if field.enum is not None:
        defined = list(field.enum.values)
        return rng.choice(defined if field.enum.closed else [*defined, 77, -3, 2**31 - 1])
    if field.type in _SPANS:
        low, high = _SPANS[field.type]
        return rng.choice([low, high, 0, 1, max(low, -1), high // 3, rng.randint(low, high)])
    if field.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(["", "abc", "äß€😀", '"\\\n\t', "MTIz", "true", "7"])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.choice([b"", b"abc", b"\xff\x00\x80", bytes(range(40))])
    single = struct.unpack("<f", struct.pack("<f", rng.uniform(-1e6, 1e6)))[0]
    return rng.choice([0.0, -1.5, 1e30, float("inf"), single])


def shared(written: Message, read: Message) -> list[tuple[str, Any, Any]]:
    """What did not arrive as it was, by number, and what arrived that was not written: path, written, read."""
    lost: list[tuple[str, Any, Any]] = []
    source: Any = written
    target: Any = read
    before, after = ({field.number: field for field in one.DESCRIPTOR.fields} for one in (written, read))
    for number in before.keys() & after.keys():
        first, then = before[number], after[number]
        gave, got = getattr(source, first.name), getattr(target, then.name)
        pairs = _pairs(gave, got)
        if pairs is None:
            lost.append((then.full_name, gave, got))
            continue
        for one, other in pairs:
            if isinstance(one, Message) and isinstance(other, Message):
                lost += shared(one, other)
            elif not _same(one, other, single=_FLOAT in (first.type, _entry(first.message_type))):
                lost.append((then.full_name, one, other))
        if isinstance(gave, Message) and source.HasField(first.name) != target.HasField(then.name):
            lost.append((then.full_name, "set or not", "otherwise"))
    lost += [(field.full_name, None, value) for field, value in read.ListFields() if field.number not in before]
    return lost


def _entry(kind: Any) -> int | None:
    """The type of a map's values."""
    return kind.fields_by_number[2].type if kind is not None and kind.GetOptions().map_entry else None


def _pairs(gave: Any, got: Any) -> list[tuple[Any, Any]] | None:
    """The values that belong together, or None if the two are not of one shape and size."""
    if isinstance(gave, Message) != isinstance(got, Message):
        return None
    shapes = [(hasattr(one, "keys"), hasattr(one, "append")) for one in (gave, got)]
    if shapes[0] != shapes[1] or (any(shapes[0]) and len(gave) != len(got)):
        return None
    if hasattr(gave, "keys"):
        return [(gave[key], got[key]) for key in gave] if set(gave) == set(got) else None
    return list(zip(gave, got, strict=True)) if hasattr(gave, "append") else [(gave, got)]


def _same(one: Any, other: Any, *, single: bool) -> bool:
    """Whether a value arrived. JSON has as many digits of a float as tell it from its neighbours."""
    if isinstance(one, str) and isinstance(other, bytes):
        return one.encode() == other
    if single and isinstance(other, float) and abs(other) < 3e38:
        return bool(one == struct.unpack("<f", struct.pack("<f", other))[0])
    return bool(one == other)
