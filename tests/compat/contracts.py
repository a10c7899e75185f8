"""An agent of this tree's SDK whose skill has a contract, which the last release knows nothing of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from meshgate.sdk import Agent

__all__ = ["BAD", "GOOD", "TOLD", "weather"]

GOOD = {"city": "Oslo"}
"""What the skill takes."""
BAD = {"city": 5}
"""What breaks its contract."""
TOLD = {"city": "Oslo", "degrees": 21.5}
"""What it answers to ``GOOD``."""


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)


class Forecast(BaseModel):
    """The weather there."""

    city: str
    degrees: float


def weather(folder: Path, join: str, join_key: str, version: str = "1.0.0") -> Agent:
    """The agent; its lock file is made in the folder."""
    lock = folder / "contracts.lock.json"
    agent = Agent("weather", version=version, contracts=lock, join=join, join_key=join_key, environ={})

    @agent.skill
    async def forecast(query: Query) -> Forecast:
        """The weather tomorrow."""
        return Forecast(city=query.city, degrees=21.5)

    return agent
