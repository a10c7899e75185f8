"""The values that CEL expressions read and return: their sizes, and their JSON."""

from __future__ import annotations

import datetime as dt
from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.gateway.contracts.transform.fields.times import duration_text, timestamp_text
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["SizeBudget", "count_values", "plain_result"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SizeBudget:
    """How many more bytes a result may have.

    Args:
        size: bytes in all.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Spend bytes. Raises :class:`InvalidValue` if there are not enough left."""
        self._left -= size
        if self._left < 0:
            raise InvalidValue("migration.result", "the result is too large")


def plain_result(value: Any, room: SizeBudget, depth: int = 0) -> Any:
    """The result of a CEL expression as JSON, except that bytes stay bytes.

    Args:
        value: the result.
        room: how many bytes it may have.
        depth: how deep the value is nested in the result.
    """
    room.take(8)
    if isinstance(value, str | bytes):
        room.take(len(value))
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > 64:
        raise InvalidValue("migration.result", "the result is nested too deep")
    if is_object(value):
        return {_key(key, room): plain_result(item, room, depth + 1) for key, item in value.items()}
    if is_array(value):
        return [plain_result(item, room, depth + 1) for item in value]
    if isinstance(value, dt.datetime):
        since = value - _EPOCH
        return timestamp_text(since // dt.timedelta(seconds=1), since.microseconds * 1000)
    if isinstance(value, dt.timedelta):
        micros = value // dt.timedelta(microseconds=1)
        sign = -1 if micros < 0 else 1
        return duration_text(sign * (abs(micros) // 1_000_000), sign * (abs(micros) % 1_000_000) * 1000)
    raise InvalidValue("migration.result", f"the result is no JSON value ({type(value).__name__})")


def _key(key: Any, room: SizeBudget) -> str:
    text = str(key).lower() if isinstance(key, bool) else str(key)
    room.take(len(text))
    return text


def count_values(tree: Any) -> int:
    """How many values a tree holds. No loop over it has more rounds, because there is no loop over a text."""
    count, waiting = 0, [tree]
    while waiting:
        value = waiting.pop()
        count += 1
        if is_object(value):
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
    return count
