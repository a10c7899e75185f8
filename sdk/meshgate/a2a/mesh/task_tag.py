"""The parts of a task id that carries its owner, as a value."""

from __future__ import annotations

import msgspec

__all__ = ["TaskTag"]


class TaskTag(msgspec.Struct, frozen=True):
    """What a client's task id says."""

    agent: bytes
    instance: bytes
    owner: bytes
    mac: bytes
    upstream: str
    release: str = ""
