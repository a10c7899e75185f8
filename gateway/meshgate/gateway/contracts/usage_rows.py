"""The rows of the usage counts: what one caller did with one version in one direction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

__all__ = ["Direction", "UsageKey", "UsageRow", "merge_usage"]

Direction = Literal["input", "output"]
UsageKey = tuple[str, str, str, Direction, str]
"""Subject, caller, version, direction, version of the agent."""


class UsageRow(msgspec.Struct, frozen=True):
    """What one caller did with one version in one direction."""

    subject: str
    """AGENT/SKILL."""
    caller: str
    """The principal that sent the input or got the output."""
    version: str
    """The version that the caller speaks."""
    direction: Direction
    agent_version: str
    """The version of the agent at the other end."""
    calls: int
    invalid: int
    """How many of the calls broke the contract."""
    fields: dict[str, int]
    """How many of the calls held each field, by its path in JSON; fields of a list's elements count once a call."""
    first: float
    """When the first was seen, in seconds since 1970."""
    last: float

    @property
    def key(self) -> UsageKey:
        """What is counted in one row."""
        return self.subject, self.caller, self.version, self.direction, self.agent_version


def merge_usage(parts: Iterable[list[UsageRow]]) -> list[UsageRow]:
    """The rows of several gateways, summed; the most recently seen first."""
    merged: dict[UsageKey, UsageRow] = {}
    for rows in parts:
        for row in rows:
            known = merged.get(row.key)
            merged[row.key] = row if known is None else _sum(known, row)
    return sorted(merged.values(), key=lambda row: -row.last)


def _sum(one: UsageRow, other: UsageRow) -> UsageRow:
    fields = dict(one.fields)
    for name, count in other.fields.items():
        fields[name] = fields.get(name, 0) + count
    return msgspec.structs.replace(
        one,
        calls=one.calls + other.calls,
        invalid=one.invalid + other.invalid,
        fields=fields,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )
