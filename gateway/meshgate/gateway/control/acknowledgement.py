"""Waiting until what was written into the registry is seen there: only then is it acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["is_shown"]

_LOOK = 0.01


async def is_shown(
    shown: Callable[[], bool], seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> bool:
    """Wait until ``shown`` says that the watched registry has a change; whether it did within ``seconds``."""
    waited = 0.0
    while not shown():
        if waited >= seconds:
            return False
        await sleep(_LOOK)
        waited += _LOOK
    return True
