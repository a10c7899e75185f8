"""The agent that the command-line tests call."""

import asyncio
from collections.abc import AsyncIterator

from meshgate.sdk import Agent, Context, Fail, MeshError

agent = Agent("hello", version="1.4.0")


@agent.skill(default=True)
async def greet(text: str) -> str:
    """Greets."""
    return f"Hello, {text}!"


@agent.skill
async def count(text: str, ctx: Context) -> AsyncIterator[str]:
    """Counts slowly."""
    for number in range(int(text)):
        await ctx.progress(f"step {number + 1} of {text}", fraction=(number + 1) / int(text))
        await asyncio.sleep(0.05)
    yield "counted "
    yield text


@agent.skill
async def broken(text: str) -> str:
    """Fails."""
    raise Fail(f"no {text}")


@agent.skill
async def loop(text: str, ctx: Context) -> str:
    """Calls itself."""
    try:
        await ctx.call("loop@1", text=text)
    except MeshError as error:
        return error.code
    return "not refused"


if __name__ == "__main__":
    agent.run()
