"""The weather agent, with humidity, and for several days ahead: two fields more."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from meshgate.sdk import Agent

agent = Agent("weather", version="1.1.0", contracts=Path(__file__).with_name("contracts.lock.json"))


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)
    days: int = Field(default=1, ge=1, le=7)


class Forecast(BaseModel):
    """The weather there."""

    city: str
    temp_c: float
    wind_kmh: float
    wind_dir: str
    humidity: int | None = None


@agent.skill
async def forecast(query: Query) -> Forecast:
    """The weather in some days."""
    return Forecast(city=query.city, temp_c=21.5, wind_kmh=12.0, wind_dir="NW", humidity=40 + query.days)


if __name__ == "__main__":
    agent.run()
