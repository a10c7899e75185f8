"""The base of A2A's messages, and the checks that several of them share."""

from __future__ import annotations

import re

import msgspec

__all__ = [
    "BEYOND",
    "MAX_ID",
    "MAX_TASK",
    "A2AMessage",
    "Empty",
    "check_context",
    "check_id",
    "check_label",
    "check_task",
]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MAX_ID = 512
"""Longest id of a message, a context, an artifact, or of a task at its agent, in bytes of UTF-8."""
MAX_TASK = MAX_ID + 254
"""Longest id of a task or a context: before an agent's id the mesh puts a tag, a context id, a version and what
separates them."""
BEYOND = "must not be longer than"
"""The words of a check that a limit fails."""


class A2AMessage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base of every A2A message."""


class Empty(A2AMessage, frozen=True):
    """The answer of an operation that tells nothing but that it was done."""


def check_id(name: str, text: str, most: int = MAX_ID) -> None:
    """Check a text that travels on in headers, paths and log lines.

    Args:
        name: the field, as JSON calls it.
        most: the longest that it may be, in bytes of UTF-8.

    Raises:
        ValueError: it is too long, or holds control characters.
    """
    # isprintable costs a tenth of the search, and nearly every id passes it.
    if not text.isprintable() and _CONTROL.search(text) is not None:
        raise ValueError(f"{name} must not hold control characters")
    if 4 * len(text) > most and len(text.encode("utf-8", "surrogatepass")) > most:
        raise ValueError(f"{name} {BEYOND} {most} bytes")


def check_label(tenant: str) -> None:
    """Check a request's routing label.

    Raises:
        ValueError: it is too long, or holds control characters.
    """
    check_id("tenant", tenant)


def check_context(context: str) -> None:
    """Check a context id, which may be left out. Raises what ``check_label`` does."""
    if context:
        check_id("contextId", context, MAX_TASK)


def check_task(name: str, task: str, context: str = "") -> None:
    """Check a task's id, which must be there, and a context's. Raises what ``check_id`` does."""
    if not task:
        raise ValueError(f"{name} must not be empty")
    check_id(name, task, MAX_TASK)
    check_context(context)
