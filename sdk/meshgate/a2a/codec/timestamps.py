"""Timestamps as both bindings read them (RFC 3339 with a zone), and those of agents that are not.

A timestamp of an agent's without a zone is read as UTC; one that is no time is left out, as the field is optional: over
gRPC there is no form for it, and finished work must not be lost for it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from meshgate.a2a.codec.strict_json import is_object

__all__ = ["correct_times", "instant", "seconds_of", "timestamp_of", "utc"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_BEYOND = re.compile(r"(\.\d{9})\d+", re.ASCII)
_LONGEST = 64


def instant(text: str) -> tuple[dt.datetime, str] | None:
    """The whole second in UTC that a timestamp names, and the digits of its fraction; None if it is not what both
    bindings read.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        return dt.datetime.fromisoformat(match[1] + match[3]).astimezone(dt.UTC), match[2] or ""
    except (ValueError, OverflowError):
        return None


def seconds_of(timestamp: str) -> float | None:
    """The seconds since 1970 of a timestamp; None if it is none."""
    found = instant(timestamp)
    if found is None:
        return None
    second, fraction = found
    return second.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def timestamp_of(seconds: float) -> str:
    """The timestamp of so many seconds since 1970, to the millisecond."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(text: str) -> str | None:
    """A timestamp of an agent's as both bindings read it: unchanged if it is one already, None if it is no time."""
    if instant(text) is not None:
        return text
    if len(text) > _LONGEST:
        return None
    try:
        found = dt.datetime.fromisoformat(_BEYOND.sub(r"\1", text.strip().upper()))
        found = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=None).isoformat() + "Z"


def correct_times(tree: Any) -> Any:
    """An agent's answer, or an event of its stream: the same object if there was nothing to correct."""
    if not is_object(tree):
        return tree
    for key in ("task", "statusUpdate"):
        inner = tree.get(key)
        if inner is not None:
            corrected = correct_times(inner)
            return tree if corrected is inner else {**tree, key: corrected}
    status = tree.get("status")
    text = status.get("timestamp") if is_object(status) else None
    if not is_object(status) or not isinstance(text, str):
        return tree
    time = utc(text)
    if time == text:
        return tree
    rest = {key: value for key, value in status.items() if key != "timestamp"}
    return {**tree, "status": rest if time is None else {**rest, "timestamp": time}}
