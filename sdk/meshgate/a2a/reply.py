"""The answer to a call: its head, and its events as they come. A unary answer is a stream of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from meshgate.a2a.errors import InvalidAgentResponse, MeshError
from meshgate.a2a.mesh.headers import CALL, JOB
from meshgate.a2a.outcome import DONE, NO_HEAD, Head, Outcome
from meshgate.a2a.payload import Payload

__all__ = ["Reply"]

_CANCELLED = Outcome("cancelled")


class Reply:
    """Owned by one reader, who iterates it and closes it (``async with aclosing(reply)``).

    It ends exactly once, even if it is never iterated. ``map``, ``before`` and ``on_end`` run in the order registered:
    the innermost policy's first.

    Args:
        events: the events; where the reply ends before they do, they are closed, if they have ``aclose``.
        head: what is known at once.
        close: awaited when the reply ends before its events do, to give back what feeds them.
    """

    __slots__ = ("_before", "_close", "_ended", "_events", "_last", "_maps", "_on_end", "_only", "head", "rests")

    def __init__(
        self,
        events: AsyncIterator[Payload] | None,
        head: Head = NO_HEAD,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.head = head
        self._events = events
        self._only: Payload | None = None
        self._close = close
        self._maps: list[Callable[[Payload], Payload | Awaitable[Payload]]] = []
        self._before: list[Callable[[Payload], Awaitable[None]]] = []
        self._on_end: list[Callable[[Outcome], None]] = []
        self._ended: Outcome | None = None
        self._last = False
        self.rests = False
        """Whether it may end after the event that was delivered last: a reader who leaves then has all there was."""

    @classmethod
    def one(cls, event: Payload, head: Head = NO_HEAD) -> Reply:
        """A unary reply."""
        reply = cls(None, head)
        reply._only = event
        return reply

    @property
    def unary(self) -> bool:
        """Whether it was made by ``one``."""
        return self._events is None

    def map(self, change: Callable[[Payload], Payload | Awaitable[Payload]]) -> Reply:
        """Let each event pass through ``change``, or what it awaits. What it raises ends the reply as failed."""
        self._maps.append(change)
        return self

    def before(self, wait: Callable[[Payload], Awaitable[None]]) -> Reply:
        """Await ``wait`` before each event leaves. What it raises ends the reply as failed."""
        self._before.append(wait)
        return self

    def finish(self) -> None:
        """Make the event that is on its way the last one: the reply is done as it is delivered. What feeds the reply is
        not closed then; who calls this sees to that.
        """
        self._last = True

    def on_end(self, tell: Callable[[Outcome], None]) -> Reply:
        """Call ``tell`` once with how the reply ended. What it raises is logged."""
        if self._ended is not None:
            _tell(tell, self._ended)
        else:
            self._on_end.append(tell)
        return self

    def __aiter__(self) -> Reply:
        return self

    async def __anext__(self) -> Payload:
        event = await self._advance() if self._ended is None else None
        if event is None:
            raise StopAsyncIteration
        return event

    async def _advance(self) -> Payload | None:
        try:
            if self._events is not None:
                event = await anext(self._events, None)
            else:
                event, self._only = self._only, None
            if event is not None:
                for change in self._maps:
                    changed = change(event)
                    event = changed if isinstance(changed, Payload) else await changed
                for wait in self._before:
                    await wait(event)
        except GeneratorExit as error:
            # The reader was thrown away while it waited, and nothing may be awaited any more.
            self._end(DONE if self.rests else Outcome("cancelled", error))
            raise
        except BaseException as error:
            if isinstance(error, MeshError):
                error.concern(self.head.headers.get(CALL, ""), self.head.headers.get(JOB, ""))
            if isinstance(error, asyncio.CancelledError):
                await self._stop(DONE if self.rests else Outcome("cancelled", error))
            else:
                await self._stop(Outcome("failed", error))
            raise
        if event is None or self._events is None or self._last:
            self._end(DONE)
        return event

    async def answer(self) -> Payload:
        """The one event of a unary call; with it the reply is done.

        Raises:
            InvalidAgentResponse: there is no event.
            MeshError: the reply failed.
        """
        event = await self._advance() if self._ended is None else None
        if event is None:
            raise InvalidAgentResponse("the agent's answer has no event")
        if self._ended is None:
            await self._stop(DONE)
        return event

    async def aclose(self) -> None:
        """End the reply as cancelled, unless it has already ended, or may end after its last event."""
        if self._ended is None:
            await self._stop(DONE if self.rests else _CANCELLED)

    async def _stop(self, outcome: Outcome) -> None:
        self._end(outcome)
        for close in (getattr(self._events, "aclose", None), self._close):
            if close is not None:
                try:
                    await close()
                except Exception:
                    log = _log()
                    log.warning("reply_close_failed", exc_info=True)

    def _end(self, outcome: Outcome) -> None:
        self._ended = outcome
        for tell in self._on_end:
            _tell(tell, outcome)


def _tell(tell: Callable[[Outcome], None], outcome: Outcome) -> None:
    try:
        tell(outcome)
    except Exception:
        log = _log()
        log.exception("on_end_failed", outcome=outcome.state)


def _log() -> Any:
    # It takes longer to import than all else here, and a reply seldom has anything to tell.
    import structlog

    return structlog.get_logger(__name__)
