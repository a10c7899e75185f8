"""An OpenAI Agents SDK agent in the mesh, its tokens reported (needs: pip install openai-agents).

The model is scripted, so this runs without a key; leave 'model=' out to use a real one. Start a mesh with
'meshgate up', then this, then: meshgate call librarian "What is on shelf 7?"
"""

from collections.abc import AsyncIterator
from typing import Any

from agents import Agent as Assistant
from agents import Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from meshgate.sdk import Agent, Context


@function_tool
def shelf(number: int) -> str:
    """What stands on a shelf."""
    return f"shelf {number}: three atlases"


class Scripted(Model):
    """Asks for a shelf, then says what it was told."""

    async def get_response(self, *args: Any, **given: Any) -> ModelResponse:
        said = given["input"]
        told = said[-1].get("output") if isinstance(said, list) else None
        usage = Usage(requests=1, input_tokens=20, output_tokens=5, total_tokens=25)
        if told is None:
            call = ResponseFunctionToolCall(arguments='{"number": 7}', call_id="1", name="shelf", type="function_call")
            return ModelResponse(output=[call], usage=usage, response_id=None)
        text = ResponseOutputText(annotations=[], text=f"On {told}.", type="output_text")
        answer = ResponseOutputMessage(id="1", content=[text], role="assistant", status="completed", type="message")
        return ModelResponse(output=[answer], usage=usage, response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise TypeError("this model does not stream: use Runner.run")


librarian = Assistant("Librarian", instructions="Answer from the shelves.", tools=[shelf], model=Scripted())

# The part that makes it an agent of the mesh:

agent = Agent("librarian", version="1.0.0")


@agent.skill(tags=["books"])
async def ask(question: str, ctx: Context) -> str:
    """Answer a question about the library."""
    result = await Runner.run(librarian, question, run_config=RunConfig(tracing_disabled=True))
    used = result.context_wrapper.usage
    ctx.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens, tool_calls=used.requests - 1)
    return str(result.final_output)


if __name__ == "__main__":
    agent.run()
