"""The events of a task as one reader follows them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import UNSET

from meshgate.a2a.errors import InternalError, MeshError
from meshgate.a2a.payload import Payload, payload_of
from meshgate.a2a.types import INTERRUPTED, TERMINAL, StreamResponse

__all__ = ["TaskSubscription"]


class TaskSubscription:
    """An async iterator of payloads for one reader. Closing it leaves the task alone.

    Args:
        first: the event that it begins with.
        until_rest: whether it also ends where the task waits for its caller.
        backlog: events that the reader may be behind before it is ended with an error.
        on_close: called when the reader has read all or closes it, perhaps twice.
    """

    def __init__(
        self,
        first: StreamResponse,
        *,
        until_rest: bool,
        backlog: int,
        on_close: Callable[[TaskSubscription], None],
    ) -> None:
        self._until_rest = until_rest
        self._backlog = backlog
        self._on_close = on_close
        self._events: deque[StreamResponse] = deque((first,))
        self._waiter: asyncio.Future[None] | None = None
        self._complete = False
        self._failure: MeshError | None = None

    def put(self, event: StreamResponse) -> None:
        """Add an event behind those that are not read yet."""
        if self._complete:
            return
        if len(self._events) >= self._backlog:
            # A reader that is too slow must not hold up the task, nor the other readers, nor fill the memory.
            self.fail(InternalError("the stream was read too slowly: subscribe to the task to go on"))
            return
        self._events.append(event)
        state = event.status_update.status.state if event.status_update is not UNSET else None
        if state in TERMINAL or (self._until_rest and state in INTERRUPTED):
            self._complete = True
        self._wake()

    def fail(self, error: MeshError) -> None:
        """End it with an error behind its events, unless its last event is there already."""
        if self._complete:
            return
        self._failure = error
        self._complete = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> TaskSubscription:
        return self

    async def __anext__(self) -> Payload:
        # A loop, because several puts may come before the reader runs, or none: aclose clears the events.
        while not self._events:
            if self._complete:
                self._on_close(self)
                if self._failure is not None:
                    raise self._failure
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return payload_of(self._events.popleft())

    async def aclose(self) -> None:
        """Stop following the task."""
        self._on_close(self)
        self._complete = True
        self._events.clear()
