"""An SDK agent that echoes, as a message and as a task. Serves on a free port, printed on the first line with its
secret.
"""

from __future__ import annotations

import asyncio
import secrets
import sys

from meshgate.sdk import Agent

agent = Agent("echo", version="1.0.0")


@agent.skill(task=False, default=True)
async def echo(text: str) -> str:
    """Say it again."""
    return text


@agent.skill
async def work(text: str) -> str:
    """Say it again, as the result of a task."""
    return text


async def main() -> None:
    """Serve until the standard input ends."""
    import uvicorn

    secret = secrets.token_urlsafe(24)
    config = uvicorn.Config(
        agent.app(secret), host="127.0.0.1", port=0, log_level="critical", http="httptools", loop="none", lifespan="on"
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], secret, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
