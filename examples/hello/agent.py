"""An agent in five lines. Start a mesh with 'meshgate up', then this, then: meshgate call hello World"""

from meshgate.sdk import Agent

agent = Agent("hello", version="1.0.0")


@agent.skill(tags=["text"])
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}!"


if __name__ == "__main__":
    agent.run()
