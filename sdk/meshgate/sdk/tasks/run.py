"""The run of a task: its work, its events, and how it is stopped.

Everything that happens to a task goes through ``TaskRun.publish``, one event after the other, so all who follow it see
the same events in the same order. A run is one asyncio task; a run that waits for its caller's answer stays one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal

from msgspec import UNSET

from meshgate.a2a.errors import InternalError, TaskNotCancelable, UnsupportedOperation, UpstreamDeadline
from meshgate.a2a.limits import Limits
from meshgate.a2a.types import INTERRUPTED, TERMINAL, StreamResponse, Task
from meshgate.sdk.inbound_call import InboundCall
from meshgate.sdk.tasks.artifact_chunks import in_chunks
from meshgate.sdk.tasks.stores import OwnedTasks, SharedTasks, TaskStore
from meshgate.sdk.tasks.subscription import TaskSubscription
from meshgate.sdk.tasks.task_state import TaskProjection

__all__ = ["StopReason", "TaskRun", "refuse_message", "require_canceled"]

StopReason = Literal["cancel", "gone", "deadline", "shutdown"]
"""Why work is cancelled: its caller asked, left, or ran out of time, or the agent ends."""


class TaskRun:
    """One task that this instance works on.

    Args:
        task: the task as it stands.
        store: where it is kept.
        shared: the same store, where other instances are to hear of its events while it runs.
        limits: backlog and waiting times.
        owner: whose it is (``Caller.owner``).
        label: what the gateway wants to be told again in lists, or "".
        owned: the same store, if it is to know these.
    """

    def __init__(
        self,
        task: TaskProjection,
        store: TaskStore,
        shared: SharedTasks | None,
        limits: Limits,
        *,
        owner: str,
        label: str,
        owned: OwnedTasks | None,
    ) -> None:
        self.task = task
        self.owner, self.label = owner, label
        self.stopping: StopReason | None = None
        self.answer: asyncio.Future[InboundCall] | None = None
        self.worker: asyncio.Task[None] | None = None
        self.working = False
        self.ended = False
        self._store = store
        self._shared = shared
        self._owned = owned
        self._limits = limits
        self._subscriptions: list[TaskSubscription] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    # -- following

    def subscribe(self, *, until_rest: bool) -> TaskSubscription:
        """A subscription that begins with the task as it stands."""
        subscription = TaskSubscription(
            StreamResponse(task=self.task.snapshot()),
            until_rest=until_rest,
            backlog=self._limits.task_backlog,
            on_close=self._unsubscribe,
        )
        self._subscriptions.append(subscription)
        return subscription

    def _unsubscribe(self, subscription: TaskSubscription) -> None:
        with contextlib.suppress(ValueError):  # it is closed by the end of its events, and again by its reader
            self._subscriptions.remove(subscription)

    async def wait_for_rest(self) -> Task:
        """The task once it has ended or waits for its caller."""
        if not self.ended and self.task.status.state not in INTERRUPTED:
            await self._next_rest()
        return self.task.snapshot()

    def _next_rest(self) -> asyncio.Future[None]:
        # A future for each waiter: one who is cancelled takes nothing from the others.
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    # -- what happens

    async def begin(self) -> None:
        """Tell a shared store that this instance works on the task."""
        if self._shared is not None:
            await self._own()
            await self._shared.begin(self.task.snapshot())

    async def _own(self) -> None:
        """Tell the store whose the task is, once: ahead of what it keeps of it first."""
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.own(self.task.id, self.owner, self.label)

    async def publish(self, event: StreamResponse) -> None:
        """Apply an event to the task, and give it to the store and to those who follow the task: a large artifact in
        several events.
        """
        for piece in in_chunks(event, self._limits.event):
            await self._publish(piece)

    async def _publish(self, event: StreamResponse) -> None:
        if self.ended:
            return  # work that goes on although it was cancelled says nothing any more
        if self._shared is not None:
            # First on disk, then seen: no reader knows of an event that another instance would not find.
            await self._shared.append(self.task.id, event)
            if self._has_ended():
                return
        self.task.apply(event)
        state = self.task.status.state
        rests = event.status_update is not UNSET and (state in TERMINAL or state in INTERRUPTED)
        self.ended = state in TERMINAL
        for subscription in tuple(self._subscriptions):
            subscription.put(event)
        if rests:
            await self._own()
            await self._store.save(self.task.snapshot())
            self._release_waiters()

    def _release_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def abandon(self) -> None:
        """End it for all who wait and follow, where no event can end it (its store failed)."""
        self.ended = True
        lost = InternalError("the agent could not keep this task: its log has the reason")
        for subscription in tuple(self._subscriptions):
            subscription.fail(lost)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(lost)
        self._waiters.clear()

    def _has_ended(self) -> bool:
        return self.ended  # a call, because type checkers don't know that it may change during an await

    async def ask(self, event: StreamResponse) -> InboundCall:
        """Let the task wait for its caller, and return the call that brings the answer."""
        if self.answer is not None:
            raise RuntimeError("this task asks something already: await one question before the next")
        # The future is there before the question is seen, so that no answer can come too early.
        self.answer = asyncio.get_running_loop().create_future()
        self.stop_after(None)
        try:
            await self.publish(event)
            async with asyncio.timeout(self._limits.task_wait):
                inbound = await self.answer
        except TimeoutError:
            raise UpstreamDeadline(f"nobody answered the question within {self._limits.task_wait:g} s") from None
        finally:
            self.answer = None
        return inbound

    # -- stopping

    def stop_after(self, seconds: float | None) -> None:
        """Stop the work in so many seconds; None: never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and seconds != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(seconds, self.stop, "deadline")

    def stop(self, why: StopReason) -> None:
        """Cancel the work, once."""
        if self.stopping is not None or self.ended:
            return
        self.stopping = why
        # A coroutine that is cancelled before its first step never runs, and would publish no end.
        # Work that has not begun looks at `stopping` itself.
        if self.working and self.worker is not None:
            self.worker.cancel()

    async def cancel(self, force: Callable[[TaskRun], StreamResponse]) -> Task:
        """Cancel the task for a caller and return it as it ended.

        Args:
            force: makes the event that ends a task whose work does not stop when it is cancelled.

        Raises:
            TaskNotCancelable: it ended otherwise meanwhile.
        """
        self.stop("cancel")
        try:
            async with asyncio.timeout(self._limits.cancel_seconds):
                while not self.ended:
                    await self._next_rest()
        except TimeoutError:
            await self.publish(force(self))
        return require_canceled(self.task.snapshot())


def require_canceled(task: Task) -> Task:
    """The task, if it ended by being cancelled.

    Raises:
        TaskNotCancelable: it ended otherwise.
    """
    if task.status.state != "TASK_STATE_CANCELED":
        raise TaskNotCancelable(f"the task has ended: {task.status.state}")
    return task


def refuse_message(task: Task) -> None:
    """Refuse a message to a task that takes none.

    Raises:
        UnsupportedOperation: it has ended, or is at work.
    """
    if task.status.state in TERMINAL:
        raise UnsupportedOperation("the task has ended: start another one, with the same contextId to go on")
    raise UnsupportedOperation("the task is at work and takes no message until it asks for one")
