"""The findings of ``meshgate doctor``."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["PROBE_SECONDS", "Finding", "State"]

PROBE_SECONDS = 1.0
"""How long a check waits for an answer."""
State = Literal["ok", "note", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    what: str
    state: State
    detail: str = ""
    remedy: str = ""
    unreachable: bool = False
    """Whether no call can get through."""
