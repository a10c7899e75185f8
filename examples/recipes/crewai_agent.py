"""A CrewAI crew in the mesh, its tokens reported (needs: pip install crewai).

The model is scripted, so this runs without a key. Its tool calls the agent of examples/hello. Start a mesh with
'meshgate up', then examples/hello/agent.py, then this, then: meshgate call porter "Greet the World"
"""

from typing import Any

from crewai import Agent as Member
from crewai import BaseLLM, Crew, Task
from crewai.tools import BaseTool

from meshgate.sdk import Agent, Context


class Greeting(BaseTool):
    name: str = "greeting"
    description: str = "The greeting for somebody."
    ctx: Any

    def _run(self, name: str) -> str:
        # A child of the call that is being served; it is cancelled with the task.
        return self.ctx.run(self.ctx.call("hello", text=name)).text


class Scripted(BaseLLM):
    """Asks for a greeting, then says what it was told."""

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        self._track_token_usage_internal({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25})
        _, told, rest = str([one["content"] for one in messages[1:]]).partition("Observation: ")
        ask = 'Thought: I ask.\nAction: greeting\nAction Input: {"name": "World"}'
        return "Thought: I know.\nFinal Answer: I said: " + rest.partition("!")[0] + "!" if told else ask


def crew(ctx: Context) -> Crew:
    """A new crew for each call: CrewAI adds up the tokens of a model for as long as that model lives."""
    model = Scripted(model="scripted")  # a real one: model = "openai/gpt-5"
    porter = Member(role="Porter", goal="Greet", backstory="You greet.", llm=model, tools=[Greeting(ctx=ctx)])
    task = Task(description="{wish}", expected_output="A greeting", agent=porter)
    return Crew(agents=[porter], tasks=[task])


# The part that makes it an agent of the mesh:

agent = Agent("porter", version="1.0.0")


@agent.skill(tags=["text"])
def greet(wish: str, ctx: Context) -> str:  # a plain function works in a thread: CrewAI would block the event loop
    """Greet somebody as they wish."""
    result = crew(ctx).kickoff(inputs={"wish": wish})
    used = result.token_usage
    ctx.usage(input_tokens=used.prompt_tokens, output_tokens=used.completion_tokens)
    return result.raw


if __name__ == "__main__":
    agent.run()
