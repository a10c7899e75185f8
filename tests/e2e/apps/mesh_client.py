"""``Mesh``, as a program uses it that finds the mesh of its machine.

One JSON line in, A2A's events out, a line each.
"""

import asyncio
import json
import sys
from typing import Any

import msgspec

from meshgate.sdk import Event, Mesh, Part, Result


def show(tree: dict[str, Any], origin: Event | Result) -> None:
    """Print an event with the ids that came with it."""
    head = {"meshgate-job": origin.job, "meshgate-call": origin.call_id, "meshgate-instance": origin.instance}
    sys.stdout.write(json.dumps({**tree, "head": head}) + "\n")


async def main(asked: dict[str, Any]) -> None:
    """Make one call."""
    parts = msgspec.convert(asked["parts"], list[Part])
    async with Mesh() as mesh:
        if asked["streaming"]:
            async for event in mesh.stream(asked["to"], message=parts, deadline=20):
                show(msgspec.to_builtins(event.raw), event)
        else:
            result = await mesh.call(asked["to"], message=parts, deadline=20)
            show({"task": msgspec.to_builtins(result.task)}, result)


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
