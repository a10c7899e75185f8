"""The weather agent, with a better name for a field: its number stays."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from meshgate.sdk import Agent

agent = Agent("weather", version="1.2.0", contracts=Path(__file__).with_name("contracts.lock.json"))


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)
    days: int = Field(default=1, ge=1, le=7)


class Forecast(BaseModel):
    """The weather there."""

    city: str
    temperature: float = Field(json_schema_extra={"renamed_from": "temp_c"})
    wind_kmh: float
    wind_dir: str
    humidity: int | None = None


@agent.skill
async def forecast(query: Query) -> Forecast:
    """The weather in some days."""
    return Forecast(city=query.city, temperature=21.5, wind_kmh=12.0, wind_dir="NW", humidity=40 + query.days)


if __name__ == "__main__":
    agent.run()
