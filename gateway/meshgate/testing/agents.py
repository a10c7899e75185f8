"""Agents that follow a script: a function from a call to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse, Task

__all__ = ["Script", "fail", "silent", "stream", "task", "text"]

Script = Callable[[Call], Reply | Awaitable[Reply]]
"""A script: what an agent does with a call."""


def text(words: str, **metadata: Any) -> Callable[[Call], Reply]:
    """Answer with a message of this text."""

    def script(call: Call) -> Reply:
        tree: dict[str, Any] = {"messageId": f"re-{call.message_id}", "role": "ROLE_AGENT", "parts": [{"text": words}]}
        if metadata:
            tree["metadata"] = metadata
        return Reply.one(JsonPayload(call.method.response, {"message": tree}))

    return script


def task(task_id: str, state: str = "TASK_STATE_COMPLETED", **more: Any) -> Callable[[Call], Reply]:
    """Answer with a task in a state; works for SendMessage, GetTask and CancelTask."""

    def script(call: Call) -> Reply:
        tree: dict[str, Any] = {"id": task_id, "status": {"state": state}, **more}
        whole = tree if call.method.response is Task else {"task": tree}
        return Reply.one(JsonPayload(call.method.response, whole))

    return script


def stream(*events: dict[str, Any]) -> Callable[[Call], Reply]:
    """Answer with these events, as A2A JSON."""

    def script(_: Call) -> Reply:
        async def all_events() -> AsyncIterator[Payload]:
            for event in events:
                yield JsonPayload(StreamResponse, event)

        return Reply(all_events())

    return script


def fail(error: MeshError) -> Callable[[Call], Reply]:
    """Answer with an error."""

    def script(_: Call) -> Reply:
        raise error

    return script


async def silent(_: Call) -> Reply:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")
