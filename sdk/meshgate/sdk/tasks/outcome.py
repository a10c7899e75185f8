"""Exceptions by which a skill rejects or fails a task."""

from __future__ import annotations

__all__ = ["Fail", "Reject"]


class Reject(Exception):
    """Raise it in a skill to turn a task down; the caller reads the text. The task ends as REJECTED."""


class Fail(Exception):
    """Raise it in a skill to end a task as FAILED with a text that the caller reads.

    Any other exception ends it as FAILED too, but its text stays in the agent's log, because it may hold anything.
    """
