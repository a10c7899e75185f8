"""The usage counter: which callers send and read which versions and fields, in the traffic of one gateway."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from meshgate.a2a.codec.strict_json import is_object
from meshgate.gateway.contracts.message_shape import Shape, add_paths, shape_of
from meshgate.gateway.contracts.usage_rows import Direction, UsageKey, UsageRow

__all__ = ["UsageCounter"]

_SHAPES = 8
"""How many shapes a row counts before it turns them into counts of fields."""


class _RowCount:
    """The counts of one row. It counts messages by shape, because most messages of a caller are alike."""

    __slots__ = ("calls", "field_counts", "first", "invalid", "last", "most", "shapes")

    def __init__(self, now: float, most: int) -> None:
        self.calls = self.invalid = 0
        self.shapes: dict[Shape, int] = {}
        self.field_counts: dict[str, int] = {}
        self.most = most
        self.first = self.last = now

    def count(self, shape: Shape) -> None:
        found = self.shapes.get(shape)
        if found is None and len(self.shapes) >= _SHAPES:
            self.fields()
        self.shapes[shape] = (found or 0) + 1

    def fields(self) -> dict[str, int]:
        """How many messages held each field."""
        for shape, times in self.shapes.items():
            paths: set[str] = set()
            add_paths(shape, "", paths)
            for path in paths:
                if path in self.field_counts or len(self.field_counts) < self.most:
                    self.field_counts[path] = self.field_counts.get(path, 0) + times
        self.shapes.clear()
        return self.field_counts


class UsageCounter:
    """Counts usage in memory. Beyond ``most`` rows it forgets the row seen longest ago.

    Args:
        most: how many rows are kept.
        fields: how many fields a row counts.
        wall: seconds since 1970.
    """

    def __init__(self, most: int, fields: int, wall: Callable[[], float]) -> None:
        self._most, self._fields, self._wall = most, fields, wall
        self._rows: OrderedDict[UsageKey, _RowCount] = OrderedDict()
        self.since = wall()
        """When counting began."""
        self.forgotten = 0
        """How many rows were forgotten since then."""

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
        """Count one message.

        Args:
            subject: AGENT/SKILL.
            caller: the principal that sent or got it.
            version: the version that the caller speaks.
            direction: input or output.
            agent_version: the version of the agent at the other end.
            tree: the message in JSON, for the fields; None if only the message is counted.
            invalid: whether it broke the contract.
        """
        key = (subject, caller, version, direction, agent_version)
        now = self._wall()
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _RowCount(now, self._fields)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)
                self.forgotten += 1
        self._rows.move_to_end(key)
        row.calls += 1
        row.invalid += invalid
        row.last = now
        if is_object(tree):
            row.count(shape_of(tree))

    def rows(self, subject: str = "", *, fields: bool = True) -> list[UsageRow]:
        """The counts of one subject or of all.

        Args:
            subject: AGENT/SKILL; "" for all.
            fields: whether to include the counts of fields.
        """
        return [
            UsageRow(*key, row.calls, row.invalid, dict(row.fields()) if fields else {}, row.first, row.last)
            for key, row in self._rows.items()
            if subject in ("", key[0])
        ]
