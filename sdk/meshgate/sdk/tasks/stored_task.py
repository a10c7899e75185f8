"""A task as a store holds it, as a value."""

from __future__ import annotations

import msgspec

from meshgate.a2a.types import (
    StreamResponse,
    Task,
)

__all__ = ["StoredTask"]


class StoredTask(msgspec.Struct, frozen=True):
    """A snapshot, what happened since, and the number of the last event."""

    task: Task
    events: list[StreamResponse]
    sequence: int
