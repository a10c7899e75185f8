"""``Mesh`` calls an agent that is registered by its card, and prints what it got as one JSON document."""

import asyncio
import json
import sys
from typing import Any

import msgspec

from meshgate.sdk import Mesh, Part, TaskCancelled, TaskFailed

Tree = dict[str, Any]


def parts(said: list[Tree]) -> list[Part]:
    """A message's parts."""
    return msgspec.convert(said, list[Part])


async def cancelled(mesh: Mesh, to: str, says: Tree) -> list[str]:
    """The states of a task that is cancelled once its follower has heard of it."""
    waiting = await mesh.call(to, message=parts(says["wait"]), return_immediately=True)
    assert waiting.task is not None
    states = list[str]()
    try:
        async for event in mesh.subscribe(waiting.task.id, deadline=20):
            states.append(str(event.state))
            if len(states) == 1:
                await mesh.cancel(waiting.task.id)
    except TaskCancelled:
        return states
    return [*states, "not told"]


async def main(asked: Tree) -> None:
    """One conversation."""
    to, says = asked["to"], asked["says"]
    async with Mesh() as mesh:
        unary = await mesh.call(to, message=parts(says["unary"]))
        assert unary.task is not None
        by_name = {artifact.artifact_id: artifact for artifact in unary.artifacts}
        streamed = [event async for event in mesh.stream(to, message=parts(says["stream"]))]
        asking = await mesh.call(to, message=parts(says["ask"]))
        assert asking.task is not None
        answered = await mesh.call(message=parts(says["answer"]), task_id=asking.task.id)
        read = await mesh.task(unary.task.id)
        try:
            failed = str((await mesh.call(to, message=parts(says["fail"]))).state)
        except TaskFailed as error:
            failed = error.message
        document = {
            "unary": by_name["result"].parts[0].text,
            "received": msgspec.to_builtins(by_name["received"].parts[0].data)["parts"],
            "stream": [event.text for event in streamed if event.kind == "artifact"],
            "asked": asking.text,
            "answered": answered.text,
            "read": str(read.status.state),
            "cancelled": await cancelled(mesh, to, says),
            "failed": failed,
        }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
