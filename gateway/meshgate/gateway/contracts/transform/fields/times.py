"""Timestamps and durations as text, both ways (google/protobuf/timestamp.proto, duration.proto)."""

from __future__ import annotations

import datetime as dt
import re

from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["duration", "duration_text", "timestamp", "timestamp_text"]

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SPAN = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_LONGEST = 315_576_000_000
_GIGA = 1_000_000_000


def timestamp(text: object) -> tuple[int, int]:
    """Seconds and nanoseconds of an RFC 3339 time. Raises :class:`InvalidValue`."""
    match = _STAMP.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidValue("json.timestamp", 'must be a time such as "2026-01-31T12:00:00Z"')
    second, fraction, zone = match.groups()
    try:
        seconds = (dt.datetime.fromisoformat(second + "+00:00") - _EPOCH) // dt.timedelta(seconds=1)
    except ValueError:
        raise InvalidValue("json.timestamp", "is no time that exists") from None
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise InvalidValue("json.timestamp", "has an offset that does not exist")
        offset = hours * 3600 + minutes * 60
        seconds += offset if zone[0] == "-" else -offset
    if not _FIRST <= seconds <= _LAST:
        raise InvalidValue("json.timestamp", "must lie in the years 1 to 9999")
    return seconds, int((fraction or "0").ljust(9, "0"))


def timestamp_text(seconds: int, nanos: int) -> str:
    """The RFC 3339 text of a time, in UTC. Raises :class:`InvalidValue`."""
    if not (_FIRST <= seconds <= _LAST and 0 <= nanos < _GIGA):
        raise InvalidValue("proto.timestamp", "lies outside the years 1 to 9999, or its nanos outside 0 to 999999999")
    when = _EPOCH + dt.timedelta(seconds=seconds)
    return f"{when.replace(tzinfo=None).isoformat()}{_fraction(nanos)}Z"


def duration(text: object) -> tuple[int, int]:
    """Seconds and nanoseconds of a span such as ``-1.5s``; both carry its sign. Raises :class:`InvalidValue`."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidValue("json.duration", 'must be a span of seconds such as "1.5s"')
    minus, whole, fraction = match.groups()
    seconds, nanos = int(whole), int((fraction or "0").ljust(9, "0"))
    if seconds > _LONGEST or (seconds == _LONGEST and nanos):
        raise InvalidValue("json.duration", f"must be within {_LONGEST} seconds")
    return (-seconds, -nanos) if minus else (seconds, nanos)


def duration_text(seconds: int, nanos: int) -> str:
    """The text of a span. Raises :class:`InvalidValue`."""
    if abs(seconds) > _LONGEST or abs(nanos) >= _GIGA or seconds * nanos < 0:
        raise InvalidValue("proto.duration", f"lies outside {_LONGEST} seconds, or its nanos have another sign")
    minus = "-" if seconds < 0 or nanos < 0 else ""
    return f"{minus}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}"
    return f".{nanos // 1000:06d}" if nanos % 1000 == 0 else f".{nanos:09d}"
