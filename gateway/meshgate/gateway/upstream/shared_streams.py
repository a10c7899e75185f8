"""One subscription at the agent for all who watch a task here (A2A 1.0.1, section 3.1.6: many streams of one task).

An agent sees one subscriber, however many callers watch. Who comes later begins with the task as the subscription has
told it so far; from there on all are told the same events, in the same order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from meshgate.a2a.errors import OutcomeUnknown
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.outcome import NO_HEAD
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.task_snapshot import after_event

__all__ = ["SharedStreams"]

Open = Callable[[Attempt], Awaitable[Reply]]
"""Subscribes at the agent, in an attempt that no caller's end ends."""
Key = tuple[str, str, str]
"""An instance, its address, and the id of a task there."""


class SharedStreams:
    """The subscriptions that are open at agents.

    Args:
        limits: ``watch_backlog``.
    """

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        self._limits = limits
        self._open: dict[Key, _Subscription] = {}

    async def watch(self, key: Key, attempt: Attempt, begin: Open) -> Reply:
        """The stream of a task for one more watcher.

        Args:
            attempt: the watcher's; its end ends its own stream alone.

        Raises:
            MeshError: the agent refuses the subscription.
        """
        subscription = self._open.get(key)
        if subscription is None:
            subscription = self._open[key] = _Subscription(self._limits.watch_backlog, lambda: self._drop(key))
            subscription.start(attempt, begin)
        return await subscription.join(attempt)

    def _drop(self, key: Key) -> None:
        self._open.pop(key, None)


class _Watcher:
    """One watcher: what it has still to be told."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.waiting: deque[Payload] = deque()
        self.news = asyncio.Event()
        self.behind = False
        """Whether it was left behind: it reads too slowly."""


class _OwnAttempt(Attempt):
    """The attempt of a subscription. Whatever it hears, its watchers have heard."""

    __slots__ = ("watchers",)

    def __init__(self, first: Attempt, watchers: list[_Watcher]) -> None:
        self.watchers = watchers
        super().__init__(first.call, first.instance, first.endpoint, first.heard)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "heard":
            for watcher in self.watchers:
                watcher.attempt.heard = self.heard


class _Subscription:
    """One subscription, and its watchers."""

    def __init__(self, backlog: int, over: Callable[[], None]) -> None:
        self._backlog, self._over = backlog, over
        self._watchers: list[_Watcher] = []
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()
        self._task: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._ended = False
        self._head = NO_HEAD
        self._work: asyncio.Task[None] | None = None

    def start(self, first: Attempt, begin: Open) -> None:
        """Begin to read."""
        self._work = asyncio.ensure_future(self._read(_OwnAttempt(first, self._watchers), begin))

    async def _read(self, own: Attempt, begin: Open) -> None:
        try:
            with own.guard():
                reply = await begin(own)
            self._head = reply.head
            self._opened.set_result(None)
            async with aclosing(reply):
                async for event in reply:
                    await self._tell(event)
        except Exception as error:  # noqa: BLE001 - it is told to every watcher
            self._error = error
            if not self._opened.done():
                self._opened.set_exception(error)
                # Its first watcher may have left: then nobody asks for it.
                self._opened.exception()
        finally:
            self._ended = True
            self._over()
            for watcher in self._watchers:
                watcher.news.set()

    async def _tell(self, event: Payload) -> None:
        self._task = after_event(self._task, event.tree())
        while all(len(watcher.waiting) >= self._backlog for watcher in self._watchers):
            # Nobody has room: the agent waits, as it would for a caller of its own.
            self._room.clear()
            await self._room.wait()
        for watcher in self._watchers:
            if len(watcher.waiting) >= self._backlog:
                watcher.behind = True
            else:
                watcher.waiting.append(event)
            watcher.news.set()

    async def join(self, attempt: Attempt) -> Reply:
        """The stream for a watcher, from now on."""
        watcher = _Watcher(attempt)
        if self._task is not None:
            watcher.waiting.append(JsonPayload(StreamResponse, {"task": self._task}))
        self._watchers.append(watcher)
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            self._leave(watcher)
            raise
        events = self._events(watcher)

        async def leave() -> None:
            self._leave(watcher)

        return Reply(events, self._head, leave)

    async def _events(self, watcher: _Watcher) -> AsyncGenerator[Payload]:
        try:
            while not watcher.behind:
                if watcher.waiting:
                    event = watcher.waiting.popleft()
                    self._room.set()
                    yield event
                    continue
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    return
                watcher.news.clear()
                with watcher.attempt.guard():
                    await watcher.news.wait()
            raise OutcomeUnknown("this watcher read too slowly: subscribe again")
        finally:
            self._leave(watcher)

    def _leave(self, watcher: _Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            self._room.set()
        if not self._watchers and self._work is not None and not self._ended:
            # From here on a new watcher opens a subscription of its own.
            self._over()
            self._work.cancel()
