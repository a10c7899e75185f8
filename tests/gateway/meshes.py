"""Meshes on virtual time, and agents that call on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.reply import Reply
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.testing import LocalMesh, Script

__all__ = ["add_lister", "limits", "relay", "virtual_mesh"]


def limits(**changes: Any) -> Limits:
    """The defaults with these changes."""
    return msgspec.structs.replace(DEFAULTS, **changes)


@asynccontextmanager
async def virtual_mesh(**more: Any) -> AsyncGenerator[LocalMesh, None]:
    """A mesh whose clock is the virtual loop's."""
    loop = asyncio.get_running_loop()
    async with LocalMesh(clock=loop.time, wall=lambda: 1.8e9 + loop.time(), sleep=asyncio.sleep, **more) as mesh:
        yield mesh


async def add_lister(mesh: LocalMesh, agent: str, script: Script, **more: Any) -> None:
    """Add an agent that is a function and says that it lists tasks; ``more`` are fields of its manifest."""
    name, url = f"{agent}-1", f"local://{agent}-1"
    usual: dict[str, Any] = {"version": "1.0.0", "skills": (Capability(agent, "1.0.0"),)}
    manifest = Manifest(agent, lists_tasks=True, **{**usual, **more})
    mesh.wire.scripts[url] = script
    where = (Endpoint("JSONRPC", url),)
    await mesh.registry.register(Instance(name, agent, manifest.digest(), endpoints=where, lasting=True), manifest)
    await mesh.seen(name)


def relay(mesh: LocalMesh, instance: str, target: str, *, drops: bool = False) -> Callable[[Call], Awaitable[Reply]]:
    """An agent that calls ``target`` and answers with what it gets; with ``drops`` it forgets every header."""

    async def script(call: Call) -> Reply:
        kept = {name: call.headers[name] for name in ("meshgate-lineage", "traceparent") if name in call.headers}
        onward = mesh.make_call(target, key=mesh.key_of(instance), **({} if drops else kept))
        reply = await mesh.send(onward)
        return Reply.one(await anext(reply))

    return script
