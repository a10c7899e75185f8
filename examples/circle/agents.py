"""Three agents that call each other in a circle, and the mesh that stops them.

Start a mesh with 'meshgate up', then this, then: meshgate call planner "Write about the sea"; meshgate job last
"""

import asyncio

from meshgate.sdk import Agent, Context

planner, researcher, writer = Agent("planner"), Agent("researcher"), Agent("writer")


@planner.skill
async def plan(topic: str, ctx: Context) -> str:
    """Plan a text, and have it written."""
    facts = await ctx.call("researcher", text=topic)
    return (await ctx.call("writer", text=f"{topic}: {facts.text}")).text


@researcher.skill
async def search(topic: str, ctx: Context) -> str:
    """Look something up, which costs two cents."""
    ctx.usage(input_tokens=900, output_tokens=120, cost_usd=0.02)
    return f"of {topic!r}: it is wet"


@writer.skill
async def draft(facts: str, ctx: Context) -> str:
    """Write a text; for a better plan it asks the planner, who asks the writer."""
    return (await ctx.call("planner", text=facts)).text


async def main() -> None:
    """Serve the three until Ctrl-C."""
    async with planner.serve(), researcher.serve(), writer.serve():
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
