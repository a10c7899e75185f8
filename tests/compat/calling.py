"""Calls by another release's SDK: ``python -m tests.compat.calling URL KEY AGENT``, run by that release's Python.

Standard output is one JSON object: what came of each story, by its name. ``AGENT`` acts scripts out, and "weather" has
a contract that says what "city" is.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from meshgate.a2a.errors import MeshError
from meshgate.sdk import Budget, Mesh

Story = Callable[[Mesh, str], Awaitable[Any]]


def _said(**script: Any) -> str:
    return json.dumps(script)


async def _calls(mesh: Mesh, agent: str) -> Any:
    answer = await mesh.call(agent, text=_said(do="echo", text="hi"), budget=Budget(calls=3, seconds=20.0))
    return json.loads(answer.text)["text"]


async def _streams(mesh: Mesh, agent: str) -> Any:
    return [event.text async for event in mesh.stream(agent, text=_said(do="count", to=2)) if event.text]


async def _works(mesh: Mesh, agent: str) -> Any:
    held = await mesh.call(agent, text=_said(do="hold", key="never"), return_immediately=True)
    assert held.task is not None
    states = [(await mesh.task(held.task.id)).status.state.name]
    cancelled = await mesh.cancel(held.task.id)
    return [*states, cancelled.status.state.name]


async def _asks(mesh: Mesh, agent: str) -> Any:
    asked = await mesh.call(agent, text=_said(do="ask"))
    assert asked.task is not None
    answered = await mesh.call(text=_said(do="echo", text="this one"), task_id=asked.task.id)
    return [asked.task.status.state.name, json.loads(answered.text)["text"]]


async def _forecast(mesh: Mesh, _: str) -> Any:
    return (await mesh.call("forecast@^1", data={"city": "Oslo"})).data


async def _breach(mesh: Mesh, _: str) -> Any:
    return (await mesh.call("forecast@^1", data={"city": 5})).data


async def _nobody(mesh: Mesh, _: str) -> Any:
    return (await mesh.call("nobody", text="hi")).text


async def _missing(mesh: Mesh, _: str) -> Any:
    return (await mesh.task("no-such-task")).id


async def _loop(mesh: Mesh, agent: str) -> Any:
    answer = await mesh.call(agent, text=_said(do="call", to=agent, say={"do": "echo"}))
    return json.loads(answer.text)["outcomes"][0]["error"]["reason"]


_STORIES: dict[str, Story] = {
    "calls": _calls,
    "streams": _streams,
    "works": _works,
    "asks": _asks,
    "forecast": _forecast,
    "breach": _breach,
    "nobody": _nobody,
    "missing": _missing,
    "loop": _loop,
}


async def main() -> None:
    """Act every story out."""
    url, key, agent = sys.argv[1:]
    found: dict[str, Any] = {}
    async with Mesh(url, key) as mesh:
        for name, story in _STORIES.items():
            try:
                found[name] = await story(mesh, agent)
            except MeshError as error:
                found[name] = {"error": error.code, "message": error.message}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
