"""An agent of the SDK's: ``python -m tests.faults.worker NAME INSTANCE STORE``. One skill, 20 ms, a task."""

from __future__ import annotations

import asyncio
import sys

from meshgate.sdk import Agent, FileTasks


def main() -> None:
    """Serve until a signal comes."""
    name, instance, store = sys.argv[1:4]
    agent = Agent(name, version="1.0.0", instance=instance, store=FileTasks(store))

    @agent.skill(default=True)
    async def work(text: str) -> str:
        """Work for 20 ms, or for as many seconds as the text says."""
        await asyncio.sleep(float(text.removeprefix("wait ")) if text.startswith("wait ") else 0.02)
        return text

    agent.run()


if __name__ == "__main__":
    main()
