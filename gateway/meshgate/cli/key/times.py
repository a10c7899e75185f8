"""Times of keys on a command line: how long something lasts, and until when."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from meshgate.cli.exits import CliError, Exit

__all__ = ["day_text", "end_of", "length_of"]

_LENGTH = re.compile(r"([0-9]{1,6})(s|m|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def length_of(text: str, option: str) -> float:
    """``90d`` in seconds; the units are s, m, h, d and w.

    Raises:
        CliError: that is no length of time; ``option`` is named.
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise CliError(f"{option} {text!r} is no length of time", Exit.USAGE, "write 30m, 12h, 90d or 6w")
    return float(int(found[1]) * _SECONDS[found[2]])


def end_of(text: str, now: float) -> float:
    """When a key ends, in seconds since 1970: ``90d`` from ``now``, or the beginning of a day in UTC; 0.0 for "".

    Raises:
        CliError: it is neither, or a day that has passed.
    """
    if not text:
        return 0.0
    try:
        if "-" in text:
            end = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        else:
            end = now + length_of(text, "--expires")
    except ValueError:
        raise CliError(
            f"--expires {text!r} is no date", Exit.USAGE, "write 2027-03-31, or a length such as 90d"
        ) from None
    if end <= now:
        raise CliError(f"--expires {text!r} has passed", Exit.USAGE, "a key ends in the future")
    return end


def day_text(at: float) -> str:
    """A time, in UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
