"""Notes of readers and writers: the violations, unknown keys and fallbacks that they found on their way."""

from __future__ import annotations

from typing import Any, Final

from meshgate.gateway.contracts.transform.locations import Location, location_text
from meshgate.gateway.contracts.transform.violations import InvalidValue, Violation

__all__ = ["ReadNotes", "WriteNotes"]


class ReadNotes:
    """The violations and unknown keys that were found while a value was read.

    Args:
        most: how many violations are kept; reading goes on to the end, so that all are counted.
    """

    __slots__ = ("count", "most", "unknown_keys", "violations")

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.count = 0
        self.violations: list[Violation] = []
        self.unknown_keys: list[tuple[Location, str, Any]] = []

    def add(self, at: Location, rule: str, message: str) -> None:
        """Count a violation, and keep it if there is room."""
        self.count += 1
        if len(self.violations) < self.most:
            self.violations.append(Violation(location_text(at), rule, message))


class WriteNotes:
    """The fallbacks that were used while JSON was written, and how many more values it may have.

    Args:
        nodes: the most values in the JSON.
        most: how many fallbacks are kept.
    """

    __slots__ = ("fallbacks", "most", "nodes")

    def __init__(self, nodes: int, most: int) -> None:
        self.nodes = nodes
        self.most: Final = most
        self.fallbacks: list[Violation] = []

    def spend(self, count: int) -> None:
        """Count values. Raises :class:`InvalidValue` if there are too many: few bytes can become much JSON."""
        self.nodes -= count
        if self.nodes < 0:
            raise InvalidValue("json.nodes", "holds more values than a JSON document may")

    def fall_back(self, at: Location, message: str) -> None:
        """Keep a fallback, if there is room."""
        if len(self.fallbacks) < self.most:
            self.fallbacks.append(Violation(location_text(at), "json.enum", message))
