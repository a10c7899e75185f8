"""A LangGraph graph in the mesh, its words streamed as they come (needs: pip install langgraph).

The model is scripted, so this runs without a key; put a real one in its place. Start a mesh with 'meshgate up', then
this, then: meshgate call poet "the sea"
"""

from collections.abc import AsyncIterator, Iterator

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from meshgate.sdk import Agent


def lines() -> Iterator[AIMessage]:
    """What the scripted model says, over and over."""
    while True:
        usage = {"input_tokens": 12, "output_tokens": 7, "total_tokens": 19}
        yield AIMessage("Grey water keeps its own calm counsel.", usage_metadata=usage)


model = GenericFakeChatModel(messages=lines())


async def compose(state: MessagesState) -> MessagesState:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = (
    StateGraph(MessagesState).add_node("compose", compose).add_edge(START, "compose").add_edge("compose", END).compile()
)

# The part that makes it an agent of the mesh:

agent = Agent("poet", version="1.0.0")


@agent.skill(tags=["text"])
async def write(topic: str) -> AsyncIterator[str]:
    """Write a line about a topic."""
    async for chunk, _ in graph.astream({"messages": [("user", topic)]}, stream_mode="messages"):
        yield chunk.text


if __name__ == "__main__":
    agent.run()
