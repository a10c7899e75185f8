"""The outcome of a call, and of its task, in one word each: for its record and for the metrics."""

from __future__ import annotations

import asyncio

from meshgate.a2a.errors import AccessError, RefusedError
from meshgate.a2a.types import TERMINAL

__all__ = ["call_outcome", "task_outcome"]


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


_TASK: dict[str, str] = {str(state): state.removeprefix("TASK_STATE_").lower() for state in TERMINAL} | {"": ""}


def task_outcome(state: str) -> str:
    """What became of a task: completed, failed, rejected or canceled; open if it has not ended; "" if there is none.

    Args:
        state: as A2A spells it, or "".
    """
    return _TASK.get(state, "open")
