"""A call that a task is served under, with what came along with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshgate.a2a.types import (
    Message,
)

__all__ = ["InboundCall"]


class InboundCall:
    """One call that a task is served under; a task that asks something is served under several.

    Args:
        message: what was said.
        received: the call's headers.
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
