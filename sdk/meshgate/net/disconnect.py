"""Disconnects: cancels a call whose caller leaves while it is served."""

from __future__ import annotations

import asyncio
from typing import Any

from meshgate.net.asgi import Receive
from meshgate.net.timer_queue import TimerQueue

__all__ = ["CallerLeft", "Disconnect"]


class CallerLeft(Exception):
    """The caller has disconnected, so no answer can be sent."""


class Disconnect:
    """Cancels the task that serves a call when its caller disconnects.

    ASGI reports a disconnect only to a task that awaits ``receive``. Most calls end before a disconnect could matter,
    so that task starts only for calls that are still served after a moment.

    Args:
        receive: the request's; its body was read.
        moments: the timeouts after which the task starts.
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
