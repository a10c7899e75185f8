"""The outcome of a call in one word, for its record and for the metrics."""

from __future__ import annotations

import asyncio

from meshgate.a2a.errors import AccessError, RefusedError

__all__ = ["call_outcome"]


def call_outcome(error: BaseException | None, state: str) -> str:
    """The outcome of a call: done, failed, refused or cancelled.

    Args:
        state: how its reply ended.
    """
    if error is None:
        return state
    if isinstance(error, RefusedError | AccessError):
        return "refused"
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return state
