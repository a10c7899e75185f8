"""Who still sends or reads which version and which field of a contract, counted from the traffic of one gateway."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from meshgate.a2a.codec.strict_json import is_object

__all__ = ["Direction", "Usage", "UsageRow", "fields_of", "merge_usage"]

Direction = Literal["input", "output"]
_Key = tuple[str, str, str, Direction, str]
_DEPTH = 4
"""Levels of a message whose fields are counted one by one; below, the field that holds them is."""
_ELEMENTS = 16
"""Elements of a list that are looked at."""
_KEYS = 256
"""Keys of a message that are looked at."""
_SHAPES = 8
"""Shapes of messages that a row counts as such, until it counts their fields."""
_Shape = tuple[Any, ...]
"""The keys of a message, and last the shapes of what it holds: (key, shape) of each object or list with objects."""


class UsageRow(msgspec.Struct, frozen=True):
    """What one caller did with one version in one direction."""

    subject: str
    """AGENT/SKILL."""
    caller: str
    """The principal that sent the input or was answered with the output."""
    version: str
    """The version that the caller speaks."""
    direction: Direction
    agent_version: str
    """The version of the agent at the other end."""
    calls: int
    invalid: int
    """Of these, how many broke the contract."""
    fields: dict[str, int]
    """How many of them held each field, by its path in JSON; fields of a list's elements count once a call."""
    first: float
    """When it was first seen, in seconds since 1970."""
    last: float


class _Count:
    """What is counted of one row: messages of one shape together, because most of a caller's are alike."""

    __slots__ = ("calls", "first", "invalid", "last", "most", "settled", "shapes")

    def __init__(self, now: float, most: int) -> None:
        self.calls = self.invalid = 0
        self.shapes: dict[_Shape, int] = {}
        self.settled: dict[str, int] = {}
        self.most = most
        self.first = self.last = now

    def count(self, shape: _Shape) -> None:
        found = self.shapes.get(shape)
        if found is None and len(self.shapes) >= _SHAPES:
            self.fields()
        self.shapes[shape] = (found or 0) + 1

    def fields(self) -> dict[str, int]:
        """How many messages held each field."""
        for shape, times in self.shapes.items():
            paths: set[str] = set()
            _spell(shape, "", paths)
            for path in paths:
                if path in self.settled or len(self.settled) < self.most:
                    self.settled[path] = self.settled.get(path, 0) + times
        self.shapes.clear()
        return self.settled


class Usage:
    """Counts in memory, bounded: beyond ``most`` rows the one seen longest ago goes.

    Args:
        most: rows kept.
        fields: fields counted in a row.
        wall: seconds since 1970.
    """

    def __init__(self, most: int, fields: int, wall: Callable[[], float]) -> None:
        self._most, self._fields, self._wall = most, fields, wall
        self._rows: OrderedDict[_Key, _Count] = OrderedDict()
        self.since = wall()
        """When counting began."""
        self.forgotten = 0
        """Rows that made room for others since then."""

    def note(
        self,
        subject: str,
        caller: str,
        version: str,
        direction: Direction,
        agent_version: str,
        tree: object = None,
        *,
        invalid: bool = False,
    ) -> None:
        """One message of ``caller`` in ``version``; ``tree`` is its JSON, for the fields."""
        key = (subject, caller, version, direction, agent_version)
        now = self._wall()
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Count(now, self._fields)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)
                self.forgotten += 1
        self._rows.move_to_end(key)
        row.calls += 1
        row.invalid += invalid
        row.last = now
        if is_object(tree):
            row.count(_shape(tree, _DEPTH))

    def rows(self, subject: str = "", *, fields: bool = True) -> list[UsageRow]:
        """What was counted, of one subject or of all; with or without the fields."""
        return [
            UsageRow(*key, row.calls, row.invalid, dict(row.fields()) if fields else {}, row.first, row.last)
            for key, row in self._rows.items()
            if subject in ("", key[0])
        ]


def fields_of(tree: object) -> set[str]:
    """The paths of the fields that a JSON message holds, such as ``wind.speed``; what is in a list has the list's."""
    found: set[str] = set()
    if is_object(tree):
        _spell(_shape(tree, _DEPTH), "", found)
    return found


def _shape(tree: dict[str, Any], depth: int) -> _Shape:
    keys = tuple(tree) if len(tree) <= _KEYS else tuple(itertools.islice(tree, _KEYS))
    held: list[tuple[str, _Shape]] = []
    if depth > 1:
        for key, value in zip(keys, tree.values(), strict=False):
            kind = value.__class__
            if kind is dict:
                held.append((key, _shape(value, depth - 1)))
            elif kind is list:
                held += [(key, _shape(item, depth - 1)) for item in value[:_ELEMENTS] if item.__class__ is dict]
    return (*keys, tuple(held))


def _spell(shape: _Shape, prefix: str, found: set[str]) -> None:
    *keys, held = shape
    found.update([prefix + key for key in keys])
    for key, inner in held:
        _spell(inner, f"{prefix}{key}.", found)


def merge_usage(parts: Iterable[list[UsageRow]]) -> list[UsageRow]:
    """The rows of several gateways, summed; the most recently seen first."""
    merged: dict[_Key, UsageRow] = {}
    for rows in parts:
        for row in rows:
            key = (row.subject, row.caller, row.version, row.direction, row.agent_version)
            known = merged.get(key)
            if known is None:
                merged[key] = row
                continue
            fields = dict(known.fields)
            for name, count in row.fields.items():
                fields[name] = fields.get(name, 0) + count
            merged[key] = msgspec.structs.replace(
                known,
                calls=known.calls + row.calls,
                invalid=known.invalid + row.invalid,
                fields=fields,
                first=min(known.first, row.first),
                last=max(known.last, row.last),
            )
    return sorted(merged.values(), key=lambda row: -row.last)
