"""An inbound call as a skill's task sees it: its message, headers and deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshgate.a2a.types import (
    Message,
)

__all__ = ["InboundCall"]


class InboundCall:
    """One call that a task is served under. A task that asks its caller something is served under several, in turn.

    Args:
        message: the caller's message.
        received: the headers of the call.
        deadline: when its caller stops waiting, on ``clock``.
    """

    __slots__ = ("clock", "deadline", "message", "received")

    def __init__(
        self, message: Message, received: Mapping[str, str], deadline: float, clock: Callable[[], float]
    ) -> None:
        self.message = message
        self.received = received
        self.deadline = deadline
        self.clock = clock
