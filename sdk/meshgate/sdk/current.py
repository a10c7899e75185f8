"""The call that the current code serves, by which calls that a skill makes become its children."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from meshgate.sdk.client.access import Access

__all__ = ["CURRENT", "CurrentCall"]


class CurrentCall(Protocol):
    """A call that is being served."""

    @property
    def job(self) -> str:
        """The job's id, or "" outside a mesh."""
        ...

    @property
    def call_id(self) -> str:
        """The call's id, or "" outside a mesh."""
        ...

    def remaining(self) -> float:
        """Seconds that its caller still waits; infinity if it named no deadline."""
        ...

    def access(self) -> Access | None:
        """The agent's own way into the mesh, or None before it has joined."""
        ...

    def outgoing(self) -> dict[str, str]:
        """The headers that make a call its child."""
        ...


CURRENT: ContextVar[CurrentCall | None] = ContextVar("meshgate_serving", default=None)
"""The call that this code is serving, or None."""
