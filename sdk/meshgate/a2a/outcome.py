"""The head and the outcome of a reply, as values: how it begins, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["DONE", "NO_HEAD", "Head", "Outcome"]


class Head(msgspec.Struct, frozen=True):
    """The part of a reply that is known before its first event."""

    headers: Mapping[str, str] = {}
    """Names in lower case; a binding passes them on as headers or metadata."""


NO_HEAD = Head()
"""Nothing is known."""


class Outcome(msgspec.Struct, frozen=True):
    """The end of a reply."""

    state: Literal["done", "failed", "cancelled"]
    error: BaseException | None = None


DONE = Outcome("done")
