"""A Google ADK agent that serves A2A by itself, and is registered (needs: pip install 'google-adk[a2a]').

The model is scripted, so this runs without a key. Start a mesh with 'meshgate up', then this, then:
meshgate register --card http://127.0.0.1:9000, and: meshgate call clerk "How many lamps are there?"
"""

import os
from collections.abc import AsyncGenerator
from typing import Any

import uvicorn
from google.adk.a2a.utils.agent_to_a2a import to_a2a
from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.genai import types


def stock(item: str) -> str:
    """How many there are of something."""
    return f"12 {item}"


class Scripted(BaseLlm):
    """Asks for the stock of lamps, then says what it was told."""

    async def generate_content_async(self, llm_request: Any, stream: bool = False) -> AsyncGenerator[LlmResponse, None]:
        told = llm_request.contents[-1].parts[0].function_response
        part = types.Part.from_function_call(name="stock", args={"item": "lamps"})
        if told is not None:
            part = types.Part(text=f"There are {told.response['result']}.")
        used = types.GenerateContentResponseUsageMetadata(prompt_token_count=20, candidates_token_count=5)
        yield LlmResponse(content=types.Content(role="model", parts=[part]), usage_metadata=used)


model = Scripted(model="scripted")  # a real one: model = "gemini-2.5-flash"
clerk = LlmAgent(name="clerk", description="Knows the stock", model=model, tools=[stock])

# The part that makes it an agent of the mesh:


def serve() -> None:
    """Serve A2A 1.0, with the card that ADK makes of the agent."""
    port = int(os.environ.get("PORT", "9000"))
    uvicorn.run(to_a2a(clerk, host="127.0.0.1", port=port), port=port)


if __name__ == "__main__":
    serve()
