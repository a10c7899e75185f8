"""The tools of an MCP server in the mesh, each a skill that takes and gives JSON (needs: pip install mcp).

There is no model: the server answers by itself, and a small one is in this file. Start a mesh with 'meshgate up', then
this, then: meshgate call 'book@*' --data '{"guest": "Ada"}', and answer what it asks.
"""

import asyncio
import sys
from typing import Annotated, Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server.mcpserver import Elicit, MCPServer, Resolve
from mcp.types import ElicitResult
from pydantic import BaseModel

from meshgate.sdk import Agent, Context, Fail, Part

desk = MCPServer("desk")


class Table(BaseModel):
    people: str


async def size() -> Elicit[Table]:
    return Elicit("For how many?", Table)


@desk.tool()
async def book(guest: str, table: Annotated[Table, Resolve(size)]) -> dict[str, str]:
    """Book a table."""
    return {"guest": guest, "people": table.people}


SERVER = StdioServerParameters(command=sys.executable, args=[__file__, "serve"])  # yours: its command, or its URL

# The part that makes it an agent of the mesh:

agent = Agent("desk", version="1.0.0")


def offer(name: str, description: str) -> None:
    """Make a tool of the server a skill."""

    async def work(arguments: dict[str, Any], ctx: Context) -> list[Part]:
        async def ask(_: Any, asked: Any) -> ElicitResult:
            said = (await ctx.ask(asked.message)).parts[0].text
            return ElicitResult(action="accept", content=dict.fromkeys(asked.requested_schema["properties"], said))

        async with Client(SERVER, elicitation_callback=ask) as client:
            result = await client.call_tool(name, arguments)
        texts = [part.text for part in result.content if part.type == "text"]
        if result.is_error:
            raise Fail(" ".join(texts))
        data = result.structured_content
        return [Part(data=data)] if data is not None else [Part(text=text) for text in texts]

    work.__doc__ = description
    agent.skill(work, name=name)


async def offer_all() -> None:
    """Make each tool of the server a skill."""
    async with Client(SERVER) as client:
        for tool in (await client.list_tools()).tools:
            offer(tool.name, tool.description or tool.name)


def start() -> None:
    """Read the server's tools, and run the agent."""
    asyncio.run(offer_all())
    agent.run()


if __name__ == "__main__":
    desk.run() if sys.argv[1:] == ["serve"] else start()
