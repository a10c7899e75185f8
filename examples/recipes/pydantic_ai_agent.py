"""A Pydantic AI agent in the mesh, its words streamed and its tokens reported (needs: pip install pydantic-ai-slim).

The model is scripted, so this runs without a key. Its tool calls the agent of examples/hello. Start a mesh with
'meshgate up', then examples/hello/agent.py, then this, then: meshgate call usher "Greet the World"
"""

from collections.abc import AsyncIterator

from pydantic_ai import Agent as Assistant
from pydantic_ai import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from meshgate.sdk import Agent, Context, Mesh


async def script(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    """Asks for a greeting, then says what it was told."""
    told = messages[-1].parts[0]
    if told.part_kind == "tool-return":
        for word in ("I ", "said: ", str(told.content)):
            yield word
    else:
        yield {0: DeltaToolCall("greeting", '{"name": "World"}')}


usher = Assistant(FunctionModel(stream_function=script))  # a real one: Assistant("openai:gpt-5")
mesh = Mesh()


@usher.tool_plain
async def greeting(name: str) -> str:
    """The greeting for somebody."""
    return (await mesh.call("hello", text=name)).text  # a child of the call that is being served


# The part that makes it an agent of the mesh:

agent = Agent("usher", version="1.0.0")


@agent.skill(tags=["text"])
async def greet(wish: str, ctx: Context) -> AsyncIterator[str]:
    """Greet somebody as they wish."""
    async with usher.run_stream(wish) as run:
        async for chunk in run.stream_text(delta=True, debounce_by=None):
            yield chunk
        used = run.usage
    ctx.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost_usd=float(used.cost or 0))


if __name__ == "__main__":
    agent.run()
