"""Who still sends or reads which version and which field of a contract, counted from the traffic of one gateway."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from meshgate.a2a.checking import is_array, is_object

__all__ = ["Direction", "Usage", "UsageRow", "fields_of", "merge_usage"]

Direction = Literal["input", "output"]
_Key = tuple[str, str, str, Direction, str]
_DEPTH = 4
"""Levels of a message whose fields are counted one by one; below, the field that holds them is."""
_ELEMENTS = 16
"""Elements of a list that are looked at."""


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
    __slots__ = ("calls", "fields", "first", "invalid", "last")

    def __init__(self, now: float) -> None:
        self.calls = self.invalid = 0
        self.fields: dict[str, int] = {}
        self.first = self.last = now


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
            row = self._rows[key] = _Count(now)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)
                self.forgotten += 1
        self._rows.move_to_end(key)
        row.calls += 1
        row.invalid += invalid
        row.last = now
        counted = row.fields
        for field in fields_of(tree):
            if field in counted or len(counted) < self._fields:
                counted[field] = counted.get(field, 0) + 1

    def rows(self, subject: str = "", *, fields: bool = True) -> list[UsageRow]:
        """What was counted, of one subject or of all; with or without the fields."""
        return [
            UsageRow(*key, row.calls, row.invalid, dict(row.fields) if fields else {}, row.first, row.last)
            for key, row in self._rows.items()
            if subject in ("", key[0])
        ]


def fields_of(tree: object) -> set[str]:
    """The paths of the fields that a JSON message holds, such as ``wind.speed``; what is in a list has the list's."""
    found: set[str] = set()
    if is_object(tree):
        _walk(tree, "", _DEPTH, found)
    return found


def _walk(tree: dict[str, Any], prefix: str, depth: int, found: set[str]) -> None:
    for key, value in tree.items():
        path = prefix + key
        found.add(path)
        if depth > 1:
            for item in value[:_ELEMENTS] if is_array(value) else (value,):
                if is_object(item):
                    _walk(item, path + ".", depth - 1, found)


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
