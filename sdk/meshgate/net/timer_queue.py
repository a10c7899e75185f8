"""A queue of timeouts that all have the same length.

The queue needs one timer of the event loop, however many timeouts it holds: a timer for each call would cost more than
a policy does.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType

__all__ = ["TimerQueue", "Within"]

_Entry = tuple[float, Callable[[], object]]


class TimerQueue:
    """Timeouts that all last ``seconds``, so that they end in the order in which they began.

    The queue belongs to the event loop that runs when its first timeout begins. It may move to another loop when it is
    empty. It has no ``__len__``, so that an empty queue is not false.
    """

    __slots__ = ("_loop", "_running", "_timer", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: OrderedDict[object, _Entry] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """How many timeouts have neither ended nor been stopped."""
        return len(self._running)

    def start(self, tell: Callable[[], object]) -> object:
        """Call ``tell`` in ``seconds``, unless what is returned is stopped before."""
        running = self._running
        if not running:
            self._begin()
        loop = self._loop
        if loop is None:
            raise RuntimeError("a timeout needs a running event loop")
        token = object()
        running[token] = (loop.time() + self.seconds, tell)
        return token

    def stop(self, token: object) -> None:
        """Forget a timeout. Stopping one that has ended is no error."""
        self._running.pop(token, None)

    def within(self) -> Within:
        """A block that may last ``seconds``. Then its task is cancelled there, and the block raises TimeoutError, as
        ``asyncio.timeout`` does at five times the cost.
        """
        return Within(self)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer = loop, None
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._ring)

    def _ring(self) -> None:
        # Entries come and go while the timer runs: it is neither cancelled nor set again for them, so that the loop
        # wakes once in ``seconds``, however many calls there were.
        self._timer = None
        loop, running = self._loop, self._running
        if loop is None:
            return
        now = loop.time()
        while running:
            token = next(iter(running))
            due, tell = running[token]
            if due > now:
                self._timer = loop.call_at(due, self._ring)
                return
            del running[token]
            tell()


class Within:
    """One block with a limit; see ``TimerQueue.within``."""

    __slots__ = ("_over", "_task", "_timeouts", "_token")

    def __init__(self, timeouts: TimerQueue) -> None:
        self._timeouts = timeouts
        self._task: asyncio.Task[object] | None = None
        self._token: object = None
        self._over = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._token = self._timeouts.start(self._end)

    def _end(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timeouts.stop(self._token)
        if not self._over or self._task is None:
            return
        # The cancellation that this block asked for is taken back in any case. It is a timeout only if nobody else
        # asked for one as well: then the task must end as cancelled.
        if self._task.uncancel() == 0 and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error
