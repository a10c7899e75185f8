"""The agents that every client calls: once in the mesh of its home, and twice as themselves, without any gateway.

It writes the addresses at which they are reached without one into the file that it is told, as JSON. SIGTERM ends it.
"""

import asyncio
import base64
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from meshgate.sdk import Agent, Context, Message, Part

SECRET = "the-secret-of-the-desk"


def shout(text: str) -> str:
    """What is said, in capitals."""
    return text.upper()


def received(part: Part) -> dict[str, Any]:
    """A part as it arrived."""
    kept: dict[str, Any] = {"mediaType": part.media_type, "filename": part.filename}
    if isinstance(part.raw, str):
        return {"raw": base64.b64decode(part.raw).hex(), **kept}
    return {"text": part.text, **kept} if isinstance(part.text, str) else {"data": part.data, **kept}


async def count(text: str, ctx: Context) -> AsyncIterator[str]:
    """The numbers up to this one."""
    await ctx.progress("counting", fraction=0.5)
    for number in range(1, int(text) + 1):
        yield f"{number} "


async def book(text: str, ctx: Context) -> str:
    """A table, once it is known for how many."""
    answer = await ctx.ask("For how many?")
    return f"A table at {text} for {answer.parts[0].text}"


async def wait(ctx: Context) -> str:
    """Nothing, until it is cancelled."""
    await ctx.progress("waiting")
    await asyncio.Event().wait()
    return "never"


def desk(*bindings: str) -> Agent:
    """The agent: three skills, and one that does what the first word of a message says."""
    labels = {"region": "eu"}
    agent = Agent("desk", version="1.0.0", description="Shouts, counts and books", labels=labels, bindings=bindings)  # type: ignore[arg-type]

    @agent.skill(name="shout", tags=["text"])
    async def shouting(text: str) -> str:
        """Say it in capitals."""
        return shout(text)

    @agent.skill(name="count", tags=["stream"])
    async def counting(text: str, ctx: Context) -> AsyncIterator[str]:
        """Count up to a number, a chunk for each."""
        async for chunk in count(text, ctx):
            yield chunk

    @agent.skill(name="book", tags=["question"])
    async def booking(text: str, ctx: Context) -> str:
        """Book a table, and ask for how many."""
        return await book(text, ctx)

    @agent.skill(default=True, examples=["shout hello"])
    async def serve(message: Message, ctx: Context) -> list[Part]:
        """Do what the first word says: shout, count, book, wait or fail. Further parts of the message come back."""
        word, _, rest = str(message.parts[0].text).partition(" ")
        if message.parts[1:]:
            await ctx.artifact("received", {"parts": [received(part) for part in message.parts[1:]]})
            await ctx.artifact("bytes", bytes(range(256)), media_type="application/octet-stream")
        if word == "shout":
            return [Part(text=shout(rest))]
        if word == "count":
            append = False
            async for chunk in count(rest, ctx):
                await ctx.artifact("result", chunk, append=append)
                append = True
            return []
        if word == "book":
            return [Part(text=await book(rest, ctx))]
        if word == "wait":
            return [Part(text=await wait(ctx))]
        raise ValueError(f"the desk does not know the word {word!r}")

    return agent


def herald(*bindings: str) -> Agent:
    """An agent that answers with a plain message, and makes no task."""
    agent = Agent("herald", version="1.0.0", description="Greets", labels={"region": "eu"}, bindings=bindings)  # type: ignore[arg-type]

    @agent.skill(task=False)
    async def greet(text: str) -> str:
        """Greet."""
        return f"Good day, {text}"

    return agent


async def main(told: Path) -> None:
    """Serve until SIGTERM comes."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    direct: dict[str, Any] = {"key": SECRET}
    async with AsyncExitStack() as running:
        for make in (desk, herald):
            await running.enter_async_context(make("JSONRPC", "GRPC").serve())
            # By itself each lists what the gateway lists, so that the cards can be compared.
            served = {"JSONRPC": make("JSONRPC", "HTTP+JSON"), "GRPC": make("JSONRPC", "HTTP+JSON", "GRPC")}
            direct[make.__name__] = {
                name: (await running.enter_async_context(agent.serve(join=False, secret=SECRET))).url.rstrip("/")
                for name, agent in served.items()
            }
        made = told.with_suffix(".part")
        made.write_text(json.dumps(direct))
        made.rename(told)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
