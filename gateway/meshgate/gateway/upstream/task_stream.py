"""The events of a stream in the order that A2A gives them: one task, whose terminal state is the end.

Specification 1.0.1, section 3.1.2: a stream is a message, or a task and its updates until the task ends or waits for
its caller. What an agent sends beyond that is dropped, and a stream that ends before is an error: otherwise a caller
would take half a task for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import INTERRUPTED, TERMINAL
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Health, Instance

__all__ = ["TaskStream"]

_AT_ONCE = 32
"""Events that are read in one pass of the event loop."""


class TaskStream:
    """The events of an agent's reply, with the ids that its client knows. An iterator that one reader drives.

    Args:
        upstream: the agent's reply.
        translate: changes the ids of an event.
        ask: asks the instance's health route.
        linger: seconds in which an agent may end its stream after the last event, so that the connection is kept.

    Attributes:
        task: the task that the first event names, "" if none does.
        ended: whether the last event was the end.
        rests: whether the stream may end after the last event.
    """

    def __init__(
        self,
        upstream: Reply,
        attempt: Attempt,
        translate: Callable[[Payload], Payload],
        ask: Callable[[Instance], Awaitable[Health]],
        metrics: Metrics,
        linger: float,
    ) -> None:
        self._upstream = upstream
        self._attempt = attempt
        self._translate = translate
        self._ask = ask
        self._metrics = metrics
        self._linger = linger
        self._read = 0
        self.task = ""
        self.ended = self.rests = False

    def __aiter__(self) -> TaskStream:
        return self

    async def __anext__(self) -> Payload:
        """The next event.

        Raises:
            OutcomeUnknown: the stream ended, or its connection broke, although its task goes on.
            MeshError: what the agent answered, or what ended the attempt.
        """
        while True:
            try:
                event = self._translate(await anext(self._upstream))
            except StopAsyncIteration:
                if self.rests:
                    raise
                raise self._cut("ended", neutral=True) from None
            except (OutcomeUnknown, UpstreamUnavailable) as error:
                if error is self._attempt.aborted or not self._attempt.begun:
                    raise
                # A connection may break without any fault of the agent's.
                health = await self._ask(self._attempt.instance)
                raise self._cut("broke", neutral=health is Health.WELL) from None
            await self._let_others_run()
            if self._follow(event.tree()):
                return event
            self._drop("other_task")

    async def _let_others_run(self) -> None:
        # Events that are here already are read without a wait: many small ones would hold the event loop.
        self._read += 1
        if self._read % _AT_ONCE == 0:
            await asyncio.sleep(0)

    def _follow(self, tree: dict[str, dict[str, Any]]) -> bool:
        """Note the state of the task; whether the event is one of this stream."""
        ((kind, content),) = [(key, value) for key, value in tree.items() if key in _TASK_ID]
        task: str = content.get(_TASK_ID[kind], "")
        if task and self.task and task != self.task:
            return False
        self.task = self._attempt.task = self.task or task
        if "status" in content:
            state = content["status"]["state"]
            self.ended, self.rests = state in TERMINAL, state in TERMINAL or state in INTERRUPTED
        elif kind == "message":
            self.rests = True
        return True

    def _cut(self, how: str, *, neutral: bool) -> OutcomeUnknown:
        instance = self._attempt.instance
        self._metrics.stream_cut(instance.entry.instance.agent)
        what = "before its task did" if self.task else "before it said how the call ended"
        text = f"the stream of {instance.id} {how} {what}"
        return OutcomeUnknown(text, task=self.task, endpoint=instance.id, neutral=neutral)

    def _drop(self, why: str) -> None:
        self._metrics.stream_dropped(self._attempt.instance.entry.instance.agent, why)

    async def finish(self) -> None:
        """Read what the agent sends behind the last event, drop it, and close the agent's reply."""
        try:
            async with asyncio.timeout(self._linger):
                async for _ in self._upstream:
                    self._drop("after_end")
                    await self._let_others_run()
        except (MeshError, TimeoutError):
            pass  # the caller has its answer
        finally:
            await self._upstream.aclose()

    async def aclose(self) -> None:
        """Close the agent's reply."""
        await self._upstream.aclose()


_TASK_ID = {"task": "id", "message": "taskId", "statusUpdate": "taskId", "artifactUpdate": "taskId"}
"""Where an event of a kind names its task."""
