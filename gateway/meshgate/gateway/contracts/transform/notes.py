"""Notes on a conversion: what was found while a value was read or written."""

from __future__ import annotations

from typing import Any, Final

from meshgate.gateway.contracts.transform.locations import Location, location_text
from meshgate.gateway.contracts.transform.violations import InvalidValue, Violation

__all__ = ["ReadNotes", "WriteNotes"]


class ReadNotes:
    """What was noticed while a value was read.

    Args:
        most: violations that are kept; reading goes on to the end, so that each can be counted.
    """

    __slots__ = ("count", "most", "unknown_keys", "violations")

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.count = 0
        self.violations: list[Violation] = []
        self.unknown_keys: list[tuple[Location, str, Any]] = []

    def add(self, at: Location, rule: str, message: str) -> None:
        """Keep a violation, if there is room."""
        self.count += 1
        if len(self.violations) < self.most:
            self.violations.append(Violation(location_text(at), rule, message))


class WriteNotes:
    """What was noticed while JSON was written, and how much more of it there may be.

    Args:
        nodes: most values in it.
        most: fallbacks that are kept.
    """

    __slots__ = ("fallbacks", "most", "nodes")

    def __init__(self, nodes: int, most: int) -> None:
        self.nodes = nodes
        self.most: Final = most
        self.fallbacks: list[Violation] = []

    def spend(self, count: int) -> None:
        """Count values. Raises :class:`InvalidValue` when there are too many: a few bytes can stand for much JSON."""
        self.nodes -= count
        if self.nodes < 0:
            raise InvalidValue("json.nodes", "holds more values than a JSON document may")

    def fall_back(self, at: Location, message: str) -> None:
        """Keep a fallback, if there is room."""
        if len(self.fallbacks) < self.most:
            self.fallbacks.append(Violation(location_text(at), "json.enum", message))
