"""Warns of contracts that are deprecated."""

from __future__ import annotations

import inspect
import warnings

__all__ = ["DeprecatedContract", "warn_once"]


class DeprecatedContract(FutureWarning):
    """A call used a contract that will be taken away. (Python does not show a ``DeprecationWarning`` by itself.)"""


_warned: set[str] = set()


_MOST_WARNED = 1024


def warn_once(path: str, notice: str) -> None:
    """Warn of a deprecated contract, once in this process for each.

    Args:
        path: what was called.
        notice: what the gateway says: the version, the day of its end, a word of its owner.
    """
    key = f"{path} {notice.partition(';')[0]}"
    if not notice or key in _warned or len(_warned) >= _MOST_WARNED:
        return
    _warned.add(key)
    shown = "; ".join(part.strip() for part in notice[:512].split(";") if part.strip())
    message = f"{path}: the contract {shown} is deprecated: move to a newer version"
    warnings.warn(message, DeprecatedContract, stacklevel=_callers())


def _callers() -> int:
    """The depth of the stack at which the first frame is outside the SDK."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("meshgate.sdk.", "contextlib")):
        frame, level = frame.f_back, level + 1
    return level
