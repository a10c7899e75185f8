"""How a reply begins and how it ends: the values that a ``Reply`` carries beside its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["DONE", "Head", "Outcome"]


class Head(msgspec.Struct, frozen=True):
    """What is known before the first event."""

    headers: Mapping[str, str] = {}
    """Names in lower case; a binding passes them on as headers or metadata."""


class Outcome(msgspec.Struct, frozen=True):
    """How a reply ended."""

    state: Literal["done", "failed", "cancelled"]
    error: BaseException | None = None


DONE = Outcome("done")
