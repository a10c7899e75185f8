"""Warnings about calls: of contracts that are deprecated, and of deadlines that are longer than a gateway gives."""

from __future__ import annotations

import inspect
import warnings

__all__ = ["DeprecatedContract", "ShorterDeadline", "warn_of_deadline", "warn_once"]


class DeprecatedContract(FutureWarning):
    """A call used a contract that will be taken away. (Python does not show a ``DeprecationWarning`` by itself.)"""


class ShorterDeadline(UserWarning):
    """A call asked for a longer deadline than the gateway gives, and got a shorter one."""


_warned: set[str] = set()


_MOST_WARNED = 1024


def warn_once(path: str, notice: str) -> None:
    """Warn of a deprecated contract, once in this process for each.

    Args:
        path: what was called.
        notice: what the gateway says: the version, the day of its end, a word of its owner.
    """
    if not notice or not _is_new(f"{path} {notice.partition(';')[0]}"):
        return
    shown = "; ".join(part.strip() for part in notice[:512].split(";") if part.strip())
    message = f"{path}: the contract {shown} is deprecated: move to a newer version"
    warnings.warn(message, DeprecatedContract, stacklevel=_callers())


def warn_of_deadline(path: str, seconds: str) -> None:
    """Warn that a call got a shorter deadline than it asked for, once in this process for each place.

    Args:
        seconds: what the gateway gave, as its header says it; "" if that is what was asked for.
    """
    if not seconds or not _is_new(f"{path} deadline"):
        return
    given = seconds[:32].rstrip("0").rstrip(".")
    message = f"{path}: the gateway gives this call {given} s, less than its deadline (limits.max_deadline)"
    warnings.warn(message, ShorterDeadline, stacklevel=_callers())


def _is_new(key: str) -> bool:
    if key in _warned or len(_warned) >= _MOST_WARNED:
        return False
    _warned.add(key)
    return True


def _callers() -> int:
    """The depth of the stack at which the first frame is outside the SDK."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("meshgate.sdk.", "contextlib")):
        frame, level = frame.f_back, level + 1
    return level
