"""A recipe whose tool, or model, is another one, and the agent that the recipes' tools call.

usage: recipe_variant.py hang RECIPE    it waits for ever
       recipe_variant.py ask RECIPE     its tool asks the caller (CrewAI's)
       recipe_variant.py hello          examples/hello, which waits for ever while the file ``hang`` is there

What waits writes the file ``begun``, and ``cancelled`` once it is cancelled.
"""

import asyncio
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from meshgate.sdk import Agent

HANG = Path("hang").absolute()
RECIPES = Path(__file__).parents[3] / "examples" / "recipes"


async def wait() -> None:
    """Leave a sign, wait until cancelled, and leave another."""
    HANG.with_name("begun").touch()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        HANG.with_name("cancelled").touch()
        raise


async def stock(item: str = "") -> str:
    """The stock of something."""
    await wait()
    return item


async def shelf(context: object, arguments: str) -> str:
    """The same, as the OpenAI Agents SDK calls a tool."""
    return await stock(arguments)


def hello() -> None:
    """Run the agent that greets."""
    agent = Agent("hello", version="1.0.0")

    @agent.skill
    async def greet(name: str) -> str:
        """Greet somebody."""
        if HANG.exists():
            await wait()
        return f"Hello, {name}!"

    agent.run()


def hang(recipe: Any) -> None:
    """Let the work of a recipe wait; where its tool calls hello, hello does that."""
    if recipe.__name__ == "google_adk_agent":
        recipe.clerk.tools = [stock]
    elif recipe.__name__ == "agent_framework_agent":
        recipe.keeper = recipe.Agent(recipe.Scripted(), name="keeper", tools=[stock])
    elif recipe.__name__ == "openai_agents_agent":
        recipe.librarian.tools[0].on_invoke_tool = shelf
    elif recipe.__name__ == "langgraph_agent":
        recipe.model = SimpleNamespace(ainvoke=stock)
    elif recipe.__name__ == "mcp_agent":
        recipe.desk.remove_tool("book")
        recipe.desk.add_tool(stock, "book")
        recipe.SERVER.args[:] = [__file__, "serve", "mcp_agent"]


def ask(recipe: Any) -> None:
    """Let CrewAI's tool ask the caller whom to greet."""

    def run(self: Any, name: str) -> str:
        said = self.ctx.run(self.ctx.ask(f"Whom, if not the {name}?"))
        return f"Hello, {said.parts[0].text}!"

    recipe.Greeting._run = run


def main(variant: str, name: str = "") -> None:
    """Run one of the programs."""
    if variant == "hello":
        hello()
        return
    sys.path.insert(0, str(RECIPES))
    recipe: Any = importlib.import_module(name)
    ask(recipe) if variant == "ask" else hang(recipe)
    if variant == "serve":
        recipe.desk.run()
    else:
        (getattr(recipe, "serve", None) or getattr(recipe, "start", None) or recipe.agent.run)()


if __name__ == "__main__":
    main(*sys.argv[1:])
