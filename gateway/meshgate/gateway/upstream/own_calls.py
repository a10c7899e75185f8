"""Calls that the gateway makes to an agent by itself: to end work that nobody waits for, and to read a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import CancelTaskRequest, GetTaskRequest
from meshgate.gateway.upstream.attempt import Attempt

__all__ = ["OwnCalls"]

log = structlog.get_logger(__name__)
_REQUESTS: dict[str, Any] = {"CancelTask": CancelTaskRequest, "GetTask": GetTaskRequest}


class OwnCalls:
    """Makes them, at the address of an attempt of a caller's.

    Args:
        send: sends a call, which has the agent's ids.
        now: monotonic seconds.
        seconds: how long one may take.
    """

    def __init__(
        self, send: Callable[[Call, Attempt], Awaitable[Reply]], now: Callable[[], float], seconds: float
    ) -> None:
        self._send, self._now, self._seconds = send, now, seconds

    async def cancel(self, attempt: Attempt, task: str) -> None:
        """Cancel a task. That it could not be done is logged."""
        await self._ask("CancelTask", attempt, task)

    async def read(self, attempt: Attempt, task: str) -> Payload | None:
        """A task as it is now; None, and a line of the log, if it cannot be read."""
        return await self._ask("GetTask", attempt, task)

    async def _ask(self, name: str, attempt: Attempt, task: str) -> Payload | None:
        method = METHODS[name]
        payload = JsonPayload(method.request, {"id": task}, _REQUESTS[name](task))
        call = Call(method=method, payload=payload, task_id=task, deadline=self._now() + self._seconds)
        again = Attempt(call, attempt.instance, attempt.endpoint, self._now())
        again.start_deadline(self._seconds)
        try:
            with again.guard():
                return await (await self._send(call, again)).answer()
        except MeshError as error:
            log.info("own_call_failed", method=name, instance=attempt.instance.id, code=error.code)
            return None
        finally:
            again.stop()
