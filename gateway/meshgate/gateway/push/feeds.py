"""Feeds push configurations: reads each task's events, and has them sent. A gateway that ends forgets them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Protocol

import msgspec
import structlog

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidParams, MeshError, RateLimited, TaskNotFound, UnsupportedOperation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.push_config import MOST_CONFIGS
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import A2AMessage, GetTaskRequest, SubscribeToTaskRequest
from meshgate.gateway.push.configuration import Configuration, body_of
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.sender import PushSender

__all__ = ["Feeds", "Read"]

log = structlog.get_logger(__name__)
_FIRST_WAIT = 1.0
"""Time before a stream of a task that ended is read again, for push notifications; it doubles each time."""
_LONGEST_WAIT = 60.0
"""Longest such time."""


_EARLY = 8
"""Most tasks that are noted of calls under a handle whose task is not known."""


class _Expected(msgspec.Struct):
    """What is known of a handle."""

    fed: FedTask | None = None
    early: set[str] = msgspec.field(default_factory=set[str])
    """The tasks of calls that came before its task was known."""


class Read(Protocol):
    """Asks the agent of a task, as the caller of a call did, until a time on the clock of calls."""

    async def __call__(self, base: Call, method: str, request: A2AMessage, until: float, /) -> Reply:
        """The agent's reply, in its caller's ids and release."""
        ...


class Feeds:
    """The tasks whose callers want push notifications, each with what feeds it.

    Args:
        now: monotonic seconds. sleep: waits, on the same time.
        standing: whether the caller of a call may still be told anything: its key may have ended meanwhile.
        limits: ``push_tasks``, ``push_own_tasks``, ``push_seconds`` and ``task_read``.
    """

    def __init__(
        self,
        sender: PushSender,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limits: Limits = DEFAULTS,
        standing: Callable[[Call], bool] | None = None,
    ) -> None:
        self._sender, self._standing = sender, standing or _stands
        self.now, self._sleep, self._limits = now, sleep, limits
        self._tasks: dict[str, FedTask] = {}
        self._expected: dict[str, _Expected] = {}
        self.read: Read = _nobody

    def reads(self, read: Read) -> None:
        """Say how tasks are read, once there is a path that can."""
        self.read = read

    # -- configurations

    def of(self, task_id: str) -> list[Configuration]:
        """The configurations of a task, the oldest first."""
        fed = self._tasks.get(task_id)
        return list(fed.configs.values()) if fed is not None else []

    def fed(self, task_id: str) -> FedTask | None:
        """The task, if anything is configured for it."""
        return self._tasks.get(task_id)

    async def check(self, url: str) -> None:
        """Check that notifications may go to a URL.

        Raises:
            InvalidParams: they may not.
        """
        await self._sender.destinations.of(url)

    def check_room(self, call: Call, config_id: str, elsewhere: int = 0) -> None:
        """Check that one more configuration has room.

        Args:
            call: its caller, and its task if that is known.
            elsewhere: configurations of the task at other gateways.

        Raises:
            InvalidParams: the task has as many as it may.
            RateLimited: the gateway feeds as many tasks as it may, or as one caller may have.
        """
        fed = self._tasks.get(call.task_id)
        own: Mapping[str, Configuration] = fed.configs if fed is not None else {}
        if config_id not in own and len(own) + elsewhere >= MOST_CONFIGS:
            what = f"a task may have {MOST_CONFIGS} push configurations: delete one"
            raise InvalidParams(what, violations=(("id", what),))
        if fed is not None:
            return
        owner = call.principal.tenant, call.principal.id
        for most, whose in ((self._limits.push_own_tasks, "one caller"), (self._limits.push_tasks, "all callers")):
            among = [one for one in self._tasks.values() if whose == "all callers" or one.owner == owner]
            if len(among) >= most and not self._drop_ended(among):
                what = f"this gateway sends push notifications of {most} tasks of {whose} at most: delete some"
                raise RateLimited(what, retry_after=_LONGEST_WAIT)

    def add(self, fed: FedTask, configuration: Configuration) -> None:
        """Keep a configuration, and begin to feed its task.

        Args:
            fed: the task, as it is known already or anew.
        """
        fed = self._tasks.setdefault(fed.task_id, fed)
        fed.configs[configuration.config.id] = configuration
        fed.seen = self.now()
        expected = self._expected.get(fed.handle)
        if expected is not None and expected.fed is None:
            expected.fed = fed
            if fed.upstream in expected.early:
                fed.called.set()
        if fed.work is None:
            fed.work = asyncio.ensure_future(self._feed(fed))

    def remove(self, task_id: str, config_id: str) -> bool:
        """Delete a configuration; whether there was one."""
        fed = self._tasks.get(task_id)
        if fed is None or fed.configs.pop(config_id, None) is None:
            return False
        if not fed.configs:
            self._drop(fed)
        return True

    def _drop(self, fed: FedTask) -> None:
        del self._tasks[fed.task_id]
        if fed.work is not None:
            fed.work.cancel()
        self._expected.pop(fed.handle, None)

    def _drop_ended(self, among: list[FedTask]) -> bool:
        """Drop the task that has been over for longest, and was told of to its end; whether there was one."""
        over = [fed for fed in among if fed.work is not None and fed.work.done()]
        if over:
            self._drop(min(over, key=lambda fed: fed.seen))
        return bool(over)

    # -- calls of agents

    def expect(self) -> str:
        """A handle under which an agent may call, before and after it is known for which task."""
        handle = secrets.token_urlsafe(16)
        self._expected[handle] = _Expected()
        return handle

    def unexpect(self, handle: str) -> None:
        """Nobody will call under a handle, if it has no task."""
        expected = self._expected.get(handle)
        if expected is not None and expected.fed is None:
            del self._expected[handle]

    def hear(self, handle: str, upstream: str) -> bool:
        """An agent called about a task of its own; whether that is, or may be, the task of the handle.

        What it sent is not passed on: the task is read anew, through the path that its caller would take. An agent may
        call before it has answered the message that began the task, and answer no sooner than its call is taken; so
        such a call is noted, and counts once the answer tells which task it is.
        """
        expected = self._expected.get(handle)
        if expected is None:
            return False
        if expected.fed is None:
            if len(expected.early) < _EARLY:
                expected.early.add(upstream)
            return True
        if expected.fed.upstream != upstream:
            return False
        expected.fed.called.set()
        return True

    # -- events

    async def _feed(self, fed: FedTask) -> None:
        until = self.now() + self._limits.push_seconds
        try:
            async with asyncio.timeout(self._limits.push_seconds):
                await (self._answer_calls(fed) if fed.handle else self._follow(fed, until))
        except TaskNotFound:
            log.info("push_task_gone", task=fed.task_id, agent=fed.agent)
        except TimeoutError:
            log.warning("push_given_up", task=fed.task_id, agent=fed.agent)
        finally:
            fed.ended, fed.seen = True, self.now()

    async def _follow(self, fed: FedTask, until: float) -> None:
        """Read the stream of a task to its end, again where it breaks."""
        wait = _FIRST_WAIT
        while not fed.ended:
            try:
                reply = await self.read(fed.base, "SubscribeToTask", SubscribeToTaskRequest(id=fed.task_id), until)
                async with aclosing(reply):
                    async for event in reply:
                        if await self._tell(fed, event.tree()):
                            wait = _FIRST_WAIT
                        if not fed.goes_on():
                            return
            except TaskNotFound:
                raise
            except UnsupportedOperation:
                # It ended before its stream was read, or the agent streams only what is at work.
                await self._tell_state(fed)
            except MeshError as error:
                log.info("push_stream_broke", task=fed.task_id, agent=fed.agent, code=error.code)
            if not fed.ended:
                await self._sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _answer_calls(self, fed: FedTask) -> None:
        """Tell how a task stands each time that its agent calls; again where it could not be read."""
        wait = _FIRST_WAIT
        while not fed.ended:
            await fed.called.wait()
            fed.called.clear()
            if await self._tell_state(fed):
                wait = _FIRST_WAIT
                continue
            fed.called.set()
            await self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _tell_state(self, fed: FedTask) -> bool:
        """Tell how a task stands; whether that could be read."""
        task = await self._state(fed)
        if task is not None:
            await self._tell(fed, {"task": task})
        return task is not None

    async def _state(self, fed: FedTask) -> dict[str, Any] | None:
        until = self.now() + self._limits.task_read
        try:
            reply = await self.read(fed.base, "GetTask", GetTaskRequest(id=fed.task_id), until)
            return (await reply.answer()).tree()
        except TaskNotFound:
            raise
        except MeshError:
            return None

    async def _tell(self, fed: FedTask, event: dict[str, Any]) -> bool:
        """Send an event wherever it is wanted, unless that was told before; whether it is news. The next one is read
        when all of that has ended: their order is kept.
        """
        fed.seen = self.now()
        if not self._standing(fed.base):
            log.info("push_ended", task=fed.task_id, agent=fed.agent, reason="its caller's key has ended")
            fed.ended = True
            fed.configs.clear()
        if not fed.news(event):
            return False
        configs = list(fed.configs.values())
        task: dict[str, Any] | None = event.get("task")
        if task is None and any(one.legacy for one in configs):
            with suppress(TaskNotFound):
                task = await self._state(fed)
        await asyncio.gather(
            *(
                self._sender.send(one.config, body_of(event, task, legacy=one.legacy), fed.agent)
                for one in configs
                if not one.legacy or task is not None
            )
        )
        return True

    async def aclose(self) -> None:
        """Stop feeding, and close connections."""
        works = [fed.work for fed in self._tasks.values() if fed.work is not None]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await self._sender.aclose()


def _stands(_: Call) -> bool:
    return True


async def _nobody(base: Call, method: str, request: A2AMessage, until: float, /) -> Reply:  # noqa: ARG001 - the protocol's
    raise TaskNotFound
