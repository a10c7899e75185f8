"""The recipes and the smallest example, as they stand: each is imported and called, and joins in under ten lines."""

import importlib.util
import sys
from pathlib import Path

import pytest

from meshgate.a2a.types import TaskState
from meshgate.sdk import Agent
from tests.sdk.calls import read, send, stream, text_of

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = "# The part that makes it an agent of the mesh:\n"


def agent_of(path: str) -> Agent:
    """The agent in an example; importing it starts nothing."""
    spec = importlib.util.spec_from_file_location(f"example_{Path(path).stem}", EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    agent = module.agent
    assert isinstance(agent, Agent)
    return agent


async def test_hello_greets() -> None:
    assert text_of(await send(agent_of("hello/agent.py"), "World")) == "Hello, World!"


@pytest.mark.requirement("sdk.recipes")
async def test_a_langgraph_graph_streams_its_words() -> None:
    pytest.importorskip("langgraph")
    agent = agent_of("recipes/langgraph_agent.py")
    task = await send(agent, "the sea")
    assert (task.status.state, text_of(task)) == (TaskState.COMPLETED, "Grey water keeps its own calm counsel.")
    events = await read(await stream(agent, "the sea"))
    assert len(events) > 5


@pytest.mark.requirement("sdk.recipes")
async def test_an_openai_agent_uses_its_tool_and_reports_its_tokens() -> None:
    pytest.importorskip("agents")
    task = await send(agent_of("recipes/openai_agents_agent.py"), "What is on shelf 7?")
    assert (task.status.state, text_of(task)) == (TaskState.COMPLETED, "On shelf 7: three atlases.")
    assert task.metadata["meshgate/usage"] == {"inputTokens": 40, "outputTokens": 10, "toolCalls": 1}


@pytest.mark.parametrize("path", ["recipes/langgraph_agent.py", "recipes/openai_agents_agent.py"])
@pytest.mark.requirement("sdk.recipes")
def test_a_recipe_joins_in_under_ten_lines(path: str) -> None:
    _, _, joining = (EXAMPLES / path).read_text("utf-8").partition(MARK)
    lines = [line for line in joining.splitlines() if line.strip() and not line.strip().startswith(('"""', "#"))]
    assert 0 < len(lines) < 10
