"""What every way in does with a call before anything else sees it."""

from __future__ import annotations

from collections.abc import Awaitable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.arrival.record import Arrived

__all__ = ["edge"]


def edge(handler: Handler, binding: str) -> Handler:
    """The handler, told in which binding its calls come in."""
    arrived = Arrived(binding)

    def handle(call: Call) -> Awaitable[Reply]:
        # No coroutine of its own: every call passes here.
        return handler(call.with_fact(arrived))

    return handle
