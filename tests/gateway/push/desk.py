"""An agent that keeps tasks open, notes what it is asked, and takes push configurations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, TaskNotFound
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.payload import JsonPayload, Payload, payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse, Task
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.testing import LocalMesh

__all__ = ["COMPLETED", "WORKING", "Desk", "begin", "join"]

Tree = dict[str, Any]
NOTHING: Mapping[str, bool] = {}
WORKING, COMPLETED = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"


class Desk:
    """A script for `LocalMesh`. Its streams tell how the task stands, and then nothing.

    Attributes:
        asked: each operation that came, with its request.
        refuses: what it answers to a push configuration instead of taking it.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Tree] = {}
        self.asked: list[tuple[str, Tree]] = []
        self.refuses: MeshError | None = None

    def __call__(self, call: Call) -> Reply:
        name, tree = call.method.name, call.payload.tree()
        self.asked.append((name, tree))
        if name == "SendMessage":
            begun: Tree = {"id": f"t{len(self.tasks)}", "contextId": "c", "status": {"state": WORKING}}
            self.tasks[begun["id"]] = begun
            return Reply.one(JsonPayload(call.method.response, {"task": begun}))
        if "PushNotification" in name:
            if self.refuses is not None:
                raise self.refuses
            return Reply.one(
                payload_of(Empty()) if name.startswith("Delete") else JsonPayload(call.method.response, tree)
            )
        task = self.tasks.get(tree["id"])
        if task is None:
            raise TaskNotFound
        if name == "SubscribeToTask":
            return Reply(self._events(task))
        return Reply.one(JsonPayload(Task, task))

    async def _events(self, task: Tree) -> AsyncIterator[Payload]:
        yield JsonPayload(StreamResponse, {"task": task})
        await asyncio.Event().wait()

    def of(self, method: str) -> list[Tree]:
        """The requests of one operation."""
        return [tree for name, tree in self.asked if name == method]


async def join(
    mesh: LocalMesh,
    script: Desk,
    *,
    name: str = "desk",
    foreign: bool = False,
    tenant: str = "default",
    can: Mapping[str, bool] = NOTHING,
) -> str:
    """Register a desk; ``can`` are the capabilities on its card."""
    instance = f"{name}-1"
    skills = (Capability(name, "1.0.0"),)
    manifest = Manifest(name, "1.0.0", skills=skills, foreign=foreign, card={"name": name, "capabilities": dict(can)})
    url = f"local://{instance}"
    mesh.wire.scripts[url] = script
    where = (Endpoint("JSONRPC", url),)
    await mesh.registry.register(
        Instance(instance, name, manifest.digest(), endpoints=where, tenant=tenant, lasting=True), manifest
    )
    await mesh.seen(instance)
    return instance


async def begin(mesh: LocalMesh, selector: str = "desk", key: str | None = None) -> str:
    """Begin a task; the id that its caller is told."""
    found = await mesh.read(mesh.make_call(selector, key=key))
    return str(found.tree["task"]["id"])
