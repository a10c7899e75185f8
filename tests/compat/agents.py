"""SDK agents of another release, as a process: ``python -m tests.compat.agents``, run by that release's Python.

Standard input is JSON lines: the agents (``[{"name", "skill", "version", "join", "join_key"}]``), then for each gate
that opens ``{"open": KEY}``; its end ends the process. Standard output says ``{"ready": true}`` once all have joined,
then ``{"reached": KEY}`` for each agent that comes to a gate.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from typing import Any

from tests.contract.scripts import Received, Stage
from tests.contract.sdkagent import scripted_agent

_told = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what is logged does not get between the lines


def tell(word: str, value: Any) -> None:
    """Write one line."""
    _told.write(json.dumps({word: value}) + "\n")
    _told.flush()


class Elsewhere(Stage):
    """A stage whose gates the other end of the pipe opens."""

    async def wait_at(self, key: str, received: Received | None = None) -> None:
        tell("reached", key)
        await super().wait_at(key, received)


async def main() -> None:
    """Serve the agents until the input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    stage = Elsewhere()
    wanted = json.loads(await lines.readline())
    async with AsyncExitStack() as stack:
        for agent in [scripted_agent(stage=stage, **one) for one in wanted]:
            await stack.enter_async_context(agent.serve())
        tell("ready", value=True)
        async for line in lines:
            stage.open(json.loads(line)["open"])
        stage.open_all()


if __name__ == "__main__":
    asyncio.run(main())
