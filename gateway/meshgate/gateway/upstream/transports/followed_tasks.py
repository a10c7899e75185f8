"""Subscriptions to tasks of agents that speak A2A 0.3.

A subscription of 1.0 begins with the task as it is, and tells how the task ends (specification 1.0.1, section 3.1.6).
0.3 promises neither (section 7.9): the Python SDK's server tells only what is new, and closes the subscription of a
task that is cancelled without a word. So the gateway reads the task before, and after a subscription that told no end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from meshgate.a2a.errors import MeshError, UnsupportedOperation
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.a2a.types import INTERRUPTED, TERMINAL, StreamResponse
from meshgate.gateway.upstream.instance import Access, Health
from meshgate.gateway.upstream.send import Outbound, Wire
from meshgate.registry.model import Endpoint

__all__ = ["FollowedTasks"]

_SUBSCRIBE, _GET = METHODS["SubscribeToTask"], METHODS["GetTask"]


class FollowedTasks:
    """A wire to agents of A2A 0.3, whose subscriptions are those of 1.0.

    Args:
        wire: sends all the rest as it is, and what a subscription needs.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, out: Outbound) -> Reply:
        """See ``Wire.send``. The reply to a subscription is the task as it is, and then what the agent tells of it.

        Raises:
            UnsupportedOperation: the task to follow has ended.
        """
        if out.call.method is not _SUBSCRIBE:
            return await self._wire.send(out)
        task = await self._task(out)
        state = str(task["status"]["state"])
        if state in TERMINAL:
            raise UnsupportedOperation(f"the task has ended: {state}", endpoint=out.attempt.instance.id)
        return Reply(self._events(out, task, state))

    async def _task(self, out: Outbound) -> dict[str, Any]:
        tree = {name: value for name, value in out.payload.tree().items() if name in ("id", "tenant")}
        payload = JsonPayload(_GET.request, tree)
        call = msgspec.structs.replace(out.call, method=_GET, payload=payload)
        reply = await self._wire.send(Outbound(call, payload, out.headers, out.attempt))
        return (await reply.answer()).tree()

    async def _events(self, out: Outbound, task: dict[str, Any], state: str) -> AsyncGenerator[Payload, None]:
        yield JsonPayload(StreamResponse, {"task": task})
        refused: MeshError | None = None
        try:
            with out.attempt.guard():
                reply = await self._wire.send(out)
        except MeshError as error:  # it may have ended since it was read: then there is nothing to subscribe to
            if error is out.attempt.aborted:
                raise
            refused = error
        else:
            first = True
            try:
                async for event in reply:
                    repeated = first and "task" in event.tree() and task_event(event)[1] == state
                    first, state = False, task_event(event)[1] or state
                    if not repeated:
                        yield event
            finally:
                await reply.aclose()
        if state in TERMINAL or (state in INTERRUPTED and refused is None):
            return
        with out.attempt.guard():
            found = await self._task(out)
        if found["status"]["state"] in TERMINAL or found["status"]["state"] in INTERRUPTED:
            update = {"taskId": found["id"], "contextId": found.get("contextId", ""), "status": found["status"]}
            yield JsonPayload(StreamResponse, {"statusUpdate": update})
        elif refused is not None:
            raise refused

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        """See ``Wire.health``."""
        return await self._wire.health(endpoint, url, timeout, access)

    def forget(self, endpoint: Endpoint) -> None:
        """See ``Wire.forget``."""
        self._wire.forget(endpoint)

    async def aclose(self) -> None:
        """See ``Wire.aclose``."""
        await self._wire.aclose()
