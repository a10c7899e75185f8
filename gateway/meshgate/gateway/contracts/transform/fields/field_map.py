"""The mapping of fields between two releases: found once, and applied to each message.

A message passes between releases by its bytes: fields are matched by number, whatever their names are, and unknown ones
are kept. That is right only if both types write a value in the same way. So a field whose types disagree is removed
before; a number that both types hold but write differently is set afterwards; one that might not fit is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert
from meshgate.gateway.contracts.transform.fields.descriptors import element_type, is_map, is_message
from meshgate.gateway.contracts.transform.fields.scalar_map import map_scalar
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["FieldMapping", "map_fields"]

_Type = FieldDescriptor

_Shape = Literal["one", "many", "map"]


class _Field(NamedTuple):
    """A field that needs a check or a conversion."""

    name: str
    target: str
    number: int
    shape: _Shape
    convert: Convert


class _Nested(NamedTuple):
    name: str
    target: str
    number: int
    shape: _Shape
    mapping: FieldMapping


class FieldMapping:
    """The mapping between two message types.

    Attributes:
        drops: names of the source's fields that are removed.
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

    def strip(self, message: Any, at: Location = None) -> None:
        """Remove the fields that disagree, and check those that might not fit. Raises :class:`InvalidValue`."""
        for name, _, number, shape, check in self.checks:
            for place, value in _values(message, name, shape, (at, name, number)):
                try:
                    check(value)
                except InvalidValue as bad:
                    bad.at = place
                    raise
        for name in self.drops:
            message.ClearField(name)
        for name, _, number, shape, inner in self.nested:
            if inner.strips:
                for place, value in _values(message, name, shape, (at, name, number)):
                    inner.strip(value, place)

    def move(self, source: Any, target: Any, at: Location = None) -> None:
        """Set the numbers that the two types write differently. Raises :class:`InvalidValue`."""
        for name, target_name, number, shape, convert in self.converts:
            found = list(_values(source, name, shape, (at, name, number)))
            try:
                _set(target, target_name, shape, [(place, convert(value)) for place, value in found])
            except InvalidValue as bad:
                bad.at = (at, name, number)
                raise
        for name, target_name, number, shape, inner in self.nested:
            if inner.moves:
                for place, value in _values(source, name, shape, (at, name, number)):
                    inner.move(value, _partner(target, target_name, shape, place), place)


def map_fields(source: Descriptor, target: Descriptor) -> tuple[FieldMapping, tuple[str, ...]]:
    """The mapping from messages of ``source`` to messages of ``target``.

    Returns:
        The mapping, and the full names of the fields whose values are lost unless a migration sets them.
    """
    mappings: dict[tuple[str, str], FieldMapping] = {}
    waiting = [(source, target)]
    lost: list[str] = []
    while waiting:
        old, new = waiting.pop()
        found = mappings.setdefault((old.full_name, new.full_name), FieldMapping())
        for field in old.fields:
            other = new.fields_by_number.get(field.number)
            if other is None:
                continue
            dropped, moved = len(found.drops), len(found.converts)
            for inner in _map_field(found, field, other):
                key = (inner[0].full_name, inner[1].full_name)
                if key not in mappings:
                    mappings[key] = FieldMapping()
                    waiting.append(inner)
                found.nested.append(_Nested(field.name, other.name, field.number, _shape(field), mappings[key]))
            if len(found.drops) > dropped and len(found.converts) == moved:
                lost.append(f"{old.full_name}.{field.name}")
    _settle(list(mappings.values()))
    return mappings[(source.full_name, target.full_name)], tuple(sorted(lost))


def _settle(mappings: list[FieldMapping]) -> None:
    """Find out which mappings have anything to do, themselves or deeper. Types may hold each other in circles, so this
    repeats until nothing changes.
    """
    for each in mappings:
        each.strips, each.moves = bool(each.drops or each.checks), bool(each.converts)
    changed = True
    while changed:
        changed = False
        for each in mappings:
            strips = each.strips or any(inner.mapping.strips for inner in each.nested)
            moves = each.moves or any(inner.mapping.moves for inner in each.nested)
            changed = changed or (strips, moves) != (each.strips, each.moves)
            each.strips, each.moves = strips, moves


def _map_field(
    found: FieldMapping, old: FieldDescriptor, new: FieldDescriptor
) -> Iterator[tuple[Descriptor, Descriptor]]:
    """Add the mapping of one field; yields the pair of message types in it, which need a mapping in turn."""
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
    relation = map_scalar(held, other)
    if relation.check is not None:
        found.checks.append(_Field(old.name, new.name, old.number, shape, relation.check))
    if not relation.passes:
        found.drops.append(old.name)
    if relation.move is not None:
        found.converts.append(_Field(old.name, new.name, old.number, shape, relation.move))


def _shape(field: FieldDescriptor) -> _Shape:
    return "map" if is_map(field) else "many" if field.is_repeated else "one"


def _values(message: Any, name: str, shape: _Shape, at: Location) -> Iterator[tuple[Location, Any]]:
    """The values of a field, each with its location."""
    if shape == "one":
        if any(field.name == name for field, _ in message.ListFields()):
            yield at, getattr(message, name)
    elif shape == "many":
        for index, value in enumerate(getattr(message, name)):
            yield (at, index, index), value
    else:
        for key, value in getattr(message, name).items():
            yield (at, None, key), value


def _set(target: Any, name: str, shape: _Shape, values: list[tuple[Location, Any]]) -> None:
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


def _partner(target: Any, name: str, shape: _Shape, place: Location) -> Any:
    """The target's message at the location ``place``."""
    held = getattr(target, name)
    if shape == "one":
        return held[-1] if hasattr(held, "extend") else held
    return held[place[2]] if place is not None else held
