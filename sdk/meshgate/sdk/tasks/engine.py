"""The work on tasks: starts it, lets many watch it, cancels it, remembers it.

Everything that happens to a task goes through ``Run.publish``, one event after the other, so all who watch see the same
events in the same order. A run is one asyncio task; a run that waits for its caller's answer stays one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal

from msgspec import UNSET

from meshgate.a2a.errors import InternalError, MeshError, TaskNotCancelable, UnsupportedOperation, UpstreamDeadline
from meshgate.a2a.limits import Limits
from meshgate.a2a.payload import Payload, of
from meshgate.a2a.types import INTERRUPTED, TERMINAL, StreamResponse, Task
from meshgate.sdk.context import Turn
from meshgate.sdk.tasks.stores import SharedTasks, TaskStore
from meshgate.sdk.tasks.task_state import TaskFold

__all__ = ["Feed", "Run", "Stop"]

Stop = Literal["cancel", "deadline", "shutdown", "gone"]
"""Why work is cancelled: a CancelTask, the caller's deadline, the agent's end, a caller that left."""


class Feed:
    """What one watcher reads: an async iterator of payloads. Closing it leaves the task alone.

    Args:
        until_rest: whether it also ends where the task waits for its caller.
        backlog: events it may be behind before it is ended with an error.
    """

    def __init__(self, run: Run, first: StreamResponse, *, until_rest: bool, backlog: int) -> None:
        self._run = run
        self._until_rest = until_rest
        self._backlog = backlog
        self._events: deque[StreamResponse] = deque((first,))
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._failure: MeshError | None = None

    def put(self, event: StreamResponse) -> None:
        """Add an event; the reader gets it in its turn."""
        if self._closed:
            return
        if len(self._events) >= self._backlog:
            self.fail(InternalError("the stream was read too slowly: subscribe to the task to go on"))
            return
        self._events.append(event)
        state = event.status_update.status.state if event.status_update is not UNSET else None
        if state in TERMINAL or (self._until_rest and state in INTERRUPTED):
            self._closed = True
        self._wake()

    def fail(self, error: MeshError) -> None:
        """End it with an error, after what is in it, unless it has its end already."""
        if self._closed:
            return
        self._failure = error
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Payload:
        while not self._events:
            if self._closed:
                self._run.unwatch(self)
                if self._failure is not None:
                    raise self._failure
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return of(self._events.popleft())

    async def aclose(self) -> None:
        """Stop watching."""
        self._run.unwatch(self)
        self._closed = True
        self._events.clear()


class Run:
    """One task that is worked on here.

    Args:
        fold: the task as it stands.
        store: where it is kept.
        shared: the same store, where other instances are to hear of its events while it runs.
        limits: backlog and waiting times.
    """

    def __init__(self, fold: TaskFold, store: TaskStore, shared: SharedTasks | None, limits: Limits) -> None:
        self.fold = fold
        self.stopping: Stop | None = None
        self.answer: asyncio.Future[Turn] | None = None
        self.worker: asyncio.Task[None] | None = None
        self.working = False
        self.over = False
        self._store = store
        self._shared = shared
        self._limits = limits
        self._feeds: list[Feed] = []
        self._resting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    # -- watching

    def watch(self, *, until_rest: bool) -> Feed:
        """A feed that begins with the task as it stands."""
        first = StreamResponse(task=self.fold.task())
        feed = Feed(self, first, until_rest=until_rest, backlog=self._limits.task_backlog)
        self._feeds.append(feed)
        return feed

    def unwatch(self, feed: Feed) -> None:
        """Forget a feed."""
        with contextlib.suppress(ValueError):
            self._feeds.remove(feed)

    async def rests(self) -> Task:
        """The task once it has ended or waits for its caller."""
        state = self.fold.status.state
        if not self.over and state not in INTERRUPTED:
            resting = asyncio.get_running_loop().create_future()
            self._resting.append(resting)
            await resting
        return self.fold.task()

    # -- what happens

    async def begin(self) -> None:
        """Let a shared store know that the task is worked on here."""
        if self._shared is not None:
            await self._shared.begin(self.fold.task())

    async def publish(self, event: StreamResponse) -> None:
        """Let an event happen: to the task, to those who watch, and to the store."""
        if self.over:
            return  # cancelled work that goes on says nothing any more
        if self._shared is not None:
            await self._shared.append(self.fold.id, event)
            if self._is_over():
                return
        self.fold.apply(event)
        state = self.fold.status.state
        rests = event.status_update is not UNSET and (state in TERMINAL or state in INTERRUPTED)
        self.over = state in TERMINAL
        for feed in tuple(self._feeds):
            feed.put(event)
        if rests:
            await self._store.save(self.fold.task())
            for resting in self._resting:
                if not resting.done():
                    resting.set_result(None)
            self._resting.clear()

    def abandon(self) -> None:
        """End it for all who wait and watch, where it cannot be ended by an event (its store failed)."""
        self.over = True
        lost = InternalError("the agent could not keep this task: its log has the reason")
        for feed in tuple(self._feeds):
            feed.fail(lost)
        for resting in self._resting:
            if not resting.done():
                resting.set_exception(lost)
        self._resting.clear()

    def _is_over(self) -> bool:
        return self.over  # a call, because it may have changed while something else was awaited

    async def ask(self, event: StreamResponse) -> Turn:
        """Let the task wait for its caller, and return the turn that answers."""
        if self.answer is not None:
            raise RuntimeError("this task asks something already: await one question before the next")
        self.answer = asyncio.get_running_loop().create_future()
        self.until(None)
        try:
            await self.publish(event)
            async with asyncio.timeout(self._limits.task_wait):
                turn = await self.answer
        except TimeoutError:
            raise UpstreamDeadline(f"nobody answered the question within {self._limits.task_wait:g} s") from None
        finally:
            self.answer = None
        return turn

    # -- stopping

    def until(self, seconds: float | None) -> None:
        """Stop the work in so many seconds; None: never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and seconds != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(seconds, self.stop, "deadline")

    def stop(self, why: Stop) -> None:
        """Cancel the work, once."""
        if self.stopping is not None or self.over:
            return
        self.stopping = why
        # Work that has not begun would never learn that it ended; it looks at `stopping` itself.
        if self.working and self.worker is not None:
            self.worker.cancel()

    async def cancel(self, force: Callable[[Run], StreamResponse]) -> Task:
        """Cancel the task for a caller and return it as it ended.

        Args:
            force: what ends a task whose work does not stop when it is cancelled.

        Raises:
            TaskNotCancelable: it ended otherwise meanwhile.
        """
        self.stop("cancel")
        try:
            async with asyncio.timeout(self._limits.cancel_seconds):
                while not self.over:
                    await self._ended()
        except TimeoutError:
            await self.publish(force(self))
        return canceled(self.fold.task())

    async def _ended(self) -> None:
        resting = asyncio.get_running_loop().create_future()
        self._resting.append(resting)
        await resting


def canceled(task: Task) -> Task:
    """The task, if it ended by being cancelled.

    Raises:
        TaskNotCancelable: it ended otherwise.
    """
    if task.status.state != "TASK_STATE_CANCELED":
        raise TaskNotCancelable(f"the task has ended: {task.status.state}")
    return task


def open_for_messages(task: Task) -> None:
    """Refuse a message to a task that takes none.

    Raises:
        UnsupportedOperation: it has ended, or is at work.
    """
    if task.status.state in TERMINAL:
        raise UnsupportedOperation("the task has ended: start another one, with the same contextId to go on")
    raise UnsupportedOperation("the task is at work and takes no message until it asks for one")
