"""Which fields of two releases agree, found once; and the two passes that the others need.

Between releases a message goes by its bytes: fields meet by number, whatever they are called, and unknown ones are
kept. That is right only where both sides write a value in one way. A field whose types disagree is taken out before;
a number that both can hold but write differently is set afterwards; one that might not fit is checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshgate.gateway.contracts.transform.fields.reader import element_type, is_map, is_message
from meshgate.gateway.contracts.transform.fields.scalars import RANGES, shortest
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.violations import At, Bad

__all__ = ["Pair", "pair"]

_Type = FieldDescriptor
_VARINT: dict[int, tuple[int, int]] = {
    _Type.TYPE_BOOL: (0, 1),
    _Type.TYPE_ENUM: (-(2**31), 2**31 - 1),
    **{kind: RANGES[kind][1:] for kind in (_Type.TYPE_INT32, _Type.TYPE_INT64, _Type.TYPE_UINT32, _Type.TYPE_UINT64)},
}
_ZIGZAG = frozenset({_Type.TYPE_SINT32, _Type.TYPE_SINT64})
_FOUR = frozenset({_Type.TYPE_FIXED32, _Type.TYPE_SFIXED32})
_EIGHT = frozenset({_Type.TYPE_FIXED64, _Type.TYPE_SFIXED64})

_Convert = Callable[[Any], Any]
_Shape = Literal["one", "many", "map"]


class _Relation(NamedTuple):
    """How a scalar passes: as it is, after ``check``, or set by ``move``; with neither it does not."""

    passes: bool
    check: _Convert | None = None
    move: _Convert | None = None


_KEEP, _DROP = _Relation(passes=True), _Relation(passes=False)


class _Field(NamedTuple):
    """A field that needs a pass."""

    name: str
    target: str
    number: int
    shape: _Shape
    convert: _Convert


class _Nested(NamedTuple):
    name: str
    target: str
    number: int
    shape: _Shape
    pair: Pair


class Pair:
    """Two message types that meet field by field.

    Attributes:
        drops: names of the first one's fields that are taken out.
        checks: fields whose values might not fit.
        converts: fields that are set afterwards.
        nested: fields that hold messages.
        strips: whether :meth:`strip` has anything to do.
        moves: whether :meth:`move` has.
    """

    def __init__(self) -> None:
        self.drops: Final[list[str]] = []
        self.checks: Final[list[_Field]] = []
        self.converts: Final[list[_Field]] = []
        self.nested: Final[list[_Nested]] = []
        self.strips = False
        self.moves = False

    def strip(self, message: Any, at: At = None) -> None:
        """Take out what disagrees, and check what might not fit. Raises :class:`Bad`."""
        for name, _, number, shape, check in self.checks:
            for place, value in _values(message, name, shape, (at, name, number)):
                try:
                    check(value)
                except Bad as bad:
                    bad.at = place
                    raise
        for name in self.drops:
            message.ClearField(name)
        for name, _, number, shape, inner in self.nested:
            if inner.strips:
                for place, value in _values(message, name, shape, (at, name, number)):
                    inner.strip(value, place)

    def move(self, source: Any, target: Any, at: At = None) -> None:
        """Set the numbers that are written differently. Raises :class:`Bad`."""
        for name, target_name, number, shape, convert in self.converts:
            found = list(_values(source, name, shape, (at, name, number)))
            try:
                _set(target, target_name, shape, [(place, convert(value)) for place, value in found])
            except Bad as bad:
                bad.at = (at, name, number)
                raise
        for name, target_name, number, shape, inner in self.nested:
            if inner.moves:
                for place, value in _values(source, name, shape, (at, name, number)):
                    inner.move(value, _partner(target, target_name, shape, place), place)


def pair(source: Descriptor, target: Descriptor) -> tuple[Pair, tuple[str, ...]]:
    """How messages of ``source`` become messages of ``target``.

    Returns:
        The pair, and the full names of the fields whose values are lost unless a migration sets them.
    """
    pairs: dict[tuple[str, str], Pair] = {}
    waiting = [(source, target)]
    lost: list[str] = []
    while waiting:
        old, new = waiting.pop()
        found = pairs.setdefault((old.full_name, new.full_name), Pair())
        for field in old.fields:
            other = new.fields_by_number.get(field.number)
            if other is None:
                continue
            dropped, moved = len(found.drops), len(found.converts)
            for inner in _meet(found, field, other):
                key = (inner[0].full_name, inner[1].full_name)
                if key not in pairs:
                    pairs[key] = Pair()
                    waiting.append(inner)
                found.nested.append(_Nested(field.name, other.name, field.number, _shape(field), pairs[key]))
            if len(found.drops) > dropped and len(found.converts) == moved:
                lost.append(f"{old.full_name}.{field.name}")
    _settle(list(pairs.values()))
    return pairs[(source.full_name, target.full_name)], tuple(sorted(lost))


def _settle(pairs: list[Pair]) -> None:
    """Find out which pairs have anything to do, here or further in; types may hold each other in circles."""
    for each in pairs:
        each.strips, each.moves = bool(each.drops or each.checks), bool(each.converts)
    changed = True
    while changed:
        changed = False
        for each in pairs:
            strips = each.strips or any(inner.pair.strips for inner in each.nested)
            moves = each.moves or any(inner.pair.moves for inner in each.nested)
            changed = changed or (strips, moves) != (each.strips, each.moves)
            each.strips, each.moves = strips, moves


def _meet(found: Pair, old: FieldDescriptor, new: FieldDescriptor) -> Iterator[tuple[Descriptor, Descriptor]]:
    """Note how one field passes; yields the types of messages in it that must be looked at in turn."""
    shape = _shape(old)
    if is_map(old) != is_map(new) or (old.is_repeated and not new.is_repeated):
        found.drops.append(old.name)
        return
    held, other = old, new
    if shape == "map":
        keys = [element_type(each).fields_by_name["key"].type for each in (old, new)]
        held, other = (element_type(each).fields_by_name["value"] for each in (old, new))
        if keys[0] != keys[1]:
            found.drops.append(old.name)
            return
    if is_message(held) and is_message(other):
        mine, theirs = element_type(held), element_type(other)
        if mine.full_name != theirs.full_name and not VALUE_FORM.isdisjoint((mine.full_name, theirs.full_name)):
            found.drops.append(old.name)
        elif mine.full_name not in VALUE_FORM:
            yield mine, theirs
        return
    relation = _relation(held, other)
    if relation.check is not None:
        found.checks.append(_Field(old.name, new.name, old.number, shape, relation.check))
    if not relation.passes:
        found.drops.append(old.name)
    if relation.move is not None:
        found.converts.append(_Field(old.name, new.name, old.number, shape, relation.move))


def _shape(field: FieldDescriptor) -> _Shape:
    return "map" if is_map(field) else "many" if field.is_repeated else "one"


def _relation(old: FieldDescriptor, new: FieldDescriptor) -> _Relation:
    was, now = old.type, new.type
    if was == now or (was, now) == (_Type.TYPE_STRING, _Type.TYPE_BYTES):
        return _KEEP
    if (was, now) == (_Type.TYPE_BYTES, _Type.TYPE_STRING):
        return _Relation(passes=True, check=_utf8)
    if was in _VARINT and now in _VARINT:
        return _fitting(_VARINT[was], _VARINT[now])
    if was not in RANGES and was != _Type.TYPE_FLOAT:
        return _DROP
    if now in (_Type.TYPE_DOUBLE, _Type.TYPE_FLOAT) and was in RANGES:
        return _Relation(passes=False, move=_exact_double if now == _Type.TYPE_DOUBLE else _exact_float)
    if (was, now) == (_Type.TYPE_FLOAT, _Type.TYPE_DOUBLE):
        return _Relation(passes=False, move=_widened)
    if was in RANGES and now in RANGES:
        fitting = _fitting(RANGES[was][1:], RANGES[now][1:])
        if any({was, now} <= kind for kind in (_ZIGZAG, _FOUR, _EIGHT)):
            return fitting
        return _Relation(passes=False, check=fitting.check, move=int)
    return _DROP


def _fitting(inner: tuple[int, int], outer: tuple[int, int]) -> _Relation:
    least, most = outer
    if least <= inner[0] and inner[1] <= most:
        return _KEEP

    def check(value: Any) -> None:
        if not least <= value <= most:
            raise Bad("conversion.range", f"must be from {least} to {most} for the other release")

    return _Relation(passes=True, check=check)


def _utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise Bad("conversion.text", "must be UTF-8 for the other release, where it is a string") from None


def _exact_double(value: int) -> float:
    if (found := float(value)) != value:
        raise Bad("conversion.exact", "is no exact double, which the other release has")
    return found


def _exact_float(value: int) -> float:
    if abs(value) > 2**24:
        raise Bad("conversion.exact", "is no exact float, which the other release has")
    return float(value)


def _widened(value: float) -> float:
    # What the number was meant to be: 0.1, not 0.10000000149.
    return float(shortest(value)) if math.isfinite(value) else value


def _values(message: Any, name: str, shape: _Shape, at: At) -> Iterator[tuple[At, Any]]:
    """The values that a field has, each with its place."""
    if shape == "one":
        if any(field.name == name for field, _ in message.ListFields()):
            yield at, getattr(message, name)
    elif shape == "many":
        for index, value in enumerate(getattr(message, name)):
            yield (at, index, index), value
    else:
        for key, value in getattr(message, name).items():
            yield (at, None, key), value


def _set(target: Any, name: str, shape: _Shape, values: list[tuple[At, Any]]) -> None:
    if not values:
        return
    into = getattr(target, name)
    if shape == "map":
        for place, value in values:
            into[place[2] if place is not None else ""] = value
    elif hasattr(into, "extend"):
        into.extend(value for _, value in values)
    else:
        setattr(target, name, values[-1][1])


def _partner(target: Any, name: str, shape: _Shape, place: At) -> Any:
    """The message of the other release that stands where ``place`` does."""
    held = getattr(target, name)
    if shape == "one":
        return held[-1] if hasattr(held, "extend") else held
    return held[place[2]] if place is not None else held
