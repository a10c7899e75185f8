"""A task with push configurations: who may read it, what is configured, and how far its callers have been told."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.payload import payload_of
from meshgate.a2a.types import TERMINAL
from meshgate.gateway.push.configuration import Configuration

__all__ = ["FedTask", "state_in"]

_NOTHING = payload_of(Empty())


class FedTask:
    """One task.

    Args:
        base: a call of the caller's, by which the task is read: as whom, and with which headers.
        task_id: as its caller knows it.
        upstream: as its agent does.
        handle: under which its agent calls; "" if its stream is read instead.
        now: when it was heard of last.
    """

    def __init__(self, base: Call, task_id: str, upstream: str, agent: str, handle: str, now: float) -> None:
        # What the caller sent may be large, and is not needed any more.
        self.base = msgspec.structs.replace(base, payload=_NOTHING)
        self.owner = base.principal.tenant, base.principal.id
        self.task_id, self.upstream, self.agent = task_id, upstream, agent
        self.handle = handle
        self.configs: dict[str, Configuration] = {}
        self.called = asyncio.Event()
        """Set when the agent has called."""
        self.ended = False
        self.seen = now
        self.work: asyncio.Task[None] | None = None
        self._told: tuple[str, ...] | None = None

    def news(self, event: dict[str, Any]) -> bool:
        """Note an event; whether its callers have not been told of that yet. A stream that is read again begins with
        the task as it stands.
        """
        told: tuple[str, ...] | None = state_in(event)
        if told is None:
            return True
        if self.handle:
            # The agent calls for what it has made as well, which changes no state.
            told = (*told, hashlib.blake2b(msgspec.json.encode(event)).hexdigest())
        before, self._told = self._told, told
        self.ended = self.ended or told[0] in TERMINAL
        return before != told or "task" not in event


def state_in(event: dict[str, Any]) -> tuple[str, str] | None:
    """The state that an event tells, with its time; None if it tells none."""
    body = event.get("task") or event.get("statusUpdate")
    return (body["status"]["state"], body["status"].get("timestamp") or "") if body is not None else None
