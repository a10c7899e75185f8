"""An agent whose skill has a contract, which 0.1.0 knows nothing of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from meshgate.sdk import Agent

__all__ = ["FORECAST", "weather"]

FORECAST = {"city": "Oslo", "degrees": 21.5}
"""What the skill answers about Oslo."""


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)


class Forecast(BaseModel):
    """The weather there."""

    city: str
    degrees: float


def weather(folder: Path, join: str, join_key: str) -> Agent:
    """The agent; its lock file is made in the folder."""
    lock = folder / "contracts.lock.json"
    agent = Agent("weather", version="1.0.0", contracts=lock, join=join, join_key=join_key, environ={})

    @agent.skill
    async def forecast(query: Query) -> Forecast:
        """The weather tomorrow."""
        return Forecast(city=query.city, degrees=21.5)

    return agent
