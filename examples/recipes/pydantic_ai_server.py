"""The Pydantic AI agent of pydantic_ai_agent.py, which fasta2a serves over A2A, and which is registered.

It needs: pip install 'fasta2a[pydantic-ai]' uvicorn meshgate. Start a mesh with 'meshgate up', then
examples/hello/agent.py, then this, then:
meshgate register --card http://127.0.0.1:9002, and: meshgate call usher "Greet the World"
"""

import os

import uvicorn
from fasta2a.pydantic_ai import agent_to_a2a
from pydantic_ai_agent import usher

# The part that makes it an agent of the mesh:


def serve() -> None:
    """Serve A2A 1.0, with the card that fasta2a makes."""
    port = int(os.environ.get("PORT", "9002"))
    uvicorn.run(agent_to_a2a(usher, name="usher", url=f"http://127.0.0.1:{port}"), port=port)


if __name__ == "__main__":
    serve()
