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
from meshgate.testing import LocalMesh

__all__ = ["limits", "relay", "virtual_mesh"]


def limits(**changes: Any) -> Limits:
    """The defaults with these changes."""
    return msgspec.structs.replace(DEFAULTS, **changes)


@asynccontextmanager
async def virtual_mesh(**more: Any) -> AsyncGenerator[LocalMesh, None]:
    """A mesh whose clock is the virtual loop's."""
    loop = asyncio.get_running_loop()
    async with LocalMesh(clock=loop.time, wall=lambda: 1.8e9 + loop.time(), sleep=asyncio.sleep, **more) as mesh:
        yield mesh


def relay(mesh: LocalMesh, instance: str, target: str, *, drops: bool = False) -> Callable[[Call], Awaitable[Reply]]:
    """An agent that calls ``target`` and answers with what it gets; with ``drops`` it forgets every header."""

    async def script(call: Call) -> Reply:
        kept = {name: call.headers[name] for name in ("meshgate-lineage", "traceparent") if name in call.headers}
        onward = mesh.make_call(target, key=mesh.key_of(instance), **({} if drops else kept))
        reply = await mesh.send(onward)
        return Reply.one(await anext(reply))

    return script
