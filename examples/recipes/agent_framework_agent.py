"""An agent of Microsoft's Agent Framework that serves A2A by itself, and is registered.

It needs: pip install agent-framework-a2a 'a2a-sdk[http-server]' uvicorn. The model is scripted, so this runs without a
key. Start a mesh with 'meshgate up', then this, then:
meshgate register --card http://127.0.0.1:9001, and: meshgate call keeper "How many lamps are there?"
"""

import os
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from agent_framework import Agent, BaseChatClient, ChatResponseUpdate, Content, FunctionInvocationLayer
from agent_framework.a2a import A2AExecutor
from starlette.applications import Starlette


def stock(item: str) -> str:
    """How many there are of something."""
    return f"12 {item}"


class Scripted(FunctionInvocationLayer, BaseChatClient):
    """Asks for the stock of lamps, then says what it was told."""

    def _inner_get_response(self, *, messages: Any, stream: bool, options: Any, **kwargs: Any) -> Any:
        async def updates() -> AsyncIterator[ChatResponseUpdate]:
            told = [one.result for one in messages[-1].contents if one.type == "function_result"]
            call = Content.from_function_call(call_id="1", name="stock", arguments={"item": "lamps"})
            contents = [Content.from_text(word) for word in ("There ", "are ", f"{told[0]}.")] if told else [call]
            for content in contents:
                yield ChatResponseUpdate(contents=[content], role="assistant", message_id="1")

        return self._build_response_stream(updates())


keeper = Agent(Scripted(), name="keeper", tools=[stock])  # a real one: Agent(OpenAIChatClient(), ...)

# The part that makes it an agent of the mesh:


def serve() -> None:
    """Serve A2A 1.0, with a card that is written by hand."""
    port = int(os.environ.get("PORT", "9001"))
    url = f"http://127.0.0.1:{port}/"
    card = AgentCard(
        name="keeper",
        description="Knows the stock",
        version="1.0.0",
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        supported_interfaces=[AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0")],
        skills=[AgentSkill(id="stock", name="stock", description="How many there are", tags=["stock"])],
    )
    # With stream=False the answer stands in a status of the task, and the task that is done has no artifact.
    handler = DefaultRequestHandler(A2AExecutor(keeper, stream=True), InMemoryTaskStore(), card)
    routes = [*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/")]
    uvicorn.run(Starlette(routes=routes), port=port)


if __name__ == "__main__":
    serve()
