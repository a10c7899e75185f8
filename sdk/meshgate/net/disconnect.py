"""A caller that leaves while its call is served."""

from __future__ import annotations

import asyncio
from typing import Any

from meshgate.net.asgi import Receive
from meshgate.net.timer_queue import TimerQueue

__all__ = ["CallerLeft", "Disconnect"]


class CallerLeft(Exception):
    """The caller is gone; there is nobody to tell anything."""


class Disconnect:
    """Cancels the task that serves a call when its caller disconnects.

    ASGI tells of a disconnect only to who awaits ``receive``, and that takes a task of its own. Most calls are over
    before it could matter, so the task starts only for calls that are still served after a moment.

    Args:
        receive: the request's; its body was read.
        moments: timeouts of that moment.
    """

    __slots__ = ("_gone", "_moment", "_moments", "_receive", "_serving", "_watcher")

    def __init__(self, receive: Receive, moments: TimerQueue) -> None:
        self._receive = receive
        self._moments = moments
        self._moment: object = None
        self._serving: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def start(self) -> None:
        """Watch, for the current task."""
        self._serving = asyncio.current_task()
        self._moment = self._moments.start(self._watch)

    def _watch(self) -> None:
        self._watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._serving is not None:
            self._serving.cancel()

    def cancelled(self) -> bool:
        """Whether the cancellation that was just caught is this one's. If so, it is taken back.

        A server that shuts down may cancel the same task at the same time: then the task must end as cancelled.
        """
        if self._gone and self._serving is not None:
            return self._serving.uncancel() == 0
        return False

    def stop(self) -> None:
        """Watch no longer."""
        self._moments.stop(self._moment)
        if self._watcher is not None:
            self._watcher.cancel()
