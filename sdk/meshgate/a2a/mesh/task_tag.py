"""The parts of a task id that carries its owner, as a value."""

from __future__ import annotations

import msgspec

__all__ = ["TaskTag"]


class TaskTag(msgspec.Struct, frozen=True):
    """The parts of a client's task id."""

    agent: bytes
    instance: bytes
    owner: bytes
    mac: bytes
    upstream: str
    release: str = ""
    context: str = ""
    """What the id carries of a context id that the caller made."""
