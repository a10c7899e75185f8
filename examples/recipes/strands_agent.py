"""A Strands agent in the mesh, its words streamed and its tokens reported (needs: pip install strands-agents).

The model is scripted, so this runs without a key. Its tool calls the agent of examples/hello. Start a mesh with
'meshgate up', then examples/hello/agent.py, then this, then: meshgate call butler "Greet the World"
"""

from collections.abc import AsyncIterator
from typing import Any

from strands import Agent as Assistant
from strands import tool
from strands.models import Model

from meshgate.sdk import Agent, Context, Mesh

mesh = Mesh()


@tool
async def greeting(name: str) -> str:
    """The greeting for somebody."""
    return (await mesh.call("hello", text=name)).text  # a child of the call that is being served


class Scripted(Model):
    """Asks for a greeting, then says what it was told."""

    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        told = messages[-1]["content"][0].get("toolResult")
        start = {} if told else {"toolUse": {"name": "greeting", "toolUseId": "1"}}
        words = ("I ", "said: ", told["content"][0]["text"]) if told else ()
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": start}}
        for word in words:
            yield {"contentBlockDelta": {"delta": {"text": word}}}
        if not told:
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"name": "World"}'}}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn" if told else "tool_use"}}
        yield {"metadata": {"usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}}}

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def update_config(self, **config: Any) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {}


# The part that makes it an agent of the mesh:

agent = Agent("butler", version="1.0.0")


@agent.skill(tags=["text"])
async def greet(wish: str, ctx: Context) -> AsyncIterator[str]:
    """Greet somebody as they wish."""
    butler = Assistant(Scripted(), tools=[greeting], callback_handler=None)  # a real one: Assistant(tools=...)
    async for event in butler.stream_async(wish):
        if "data" in event:
            yield event["data"]
    used = butler.event_loop_metrics.accumulated_usage
    ctx.usage(input_tokens=used["inputTokens"], output_tokens=used["outputTokens"])


if __name__ == "__main__":
    agent.run()
