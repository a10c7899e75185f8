"""Waits for an event or for time to pass, whichever comes first, with an injected sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Sleep", "wait_or_sleep"]

Sleep = Callable[[float], Awaitable[None]]
"""Suspends for so many seconds; ``asyncio.sleep``, or a test's virtual time."""


async def wait_or_sleep(event: asyncio.Future[Any] | asyncio.Event, seconds: float | None, sleep: Sleep) -> None:
    """Return once ``event`` is set (or done), or ``seconds`` have passed; None waits for the event alone.

    A future is only looked at: neither its result nor its exception is taken, and it is not cancelled.
    """
    waiting = asyncio.ensure_future(event.wait()) if isinstance(event, asyncio.Event) else event
    mine = [waiting] if isinstance(event, asyncio.Event) else []
    pending: set[asyncio.Future[Any]] = {waiting}
    if seconds is not None:
        timer = asyncio.ensure_future(sleep(max(0.0, seconds)))
        mine.append(timer)
        pending.add(timer)
    try:
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
