"""The weather agent, with the wind as a message of its own: a new major version, and how to get there."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from meshgate.sdk import Agent, Migration

agent = Agent("weather", version="2.0.0", contracts=Path(__file__).with_name("contracts.lock.json"))


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)
    days: int = Field(default=1, ge=1, le=7)


class Wind(BaseModel):
    """How strong, and from where."""

    speed: float
    direction: str


class Forecast(BaseModel):
    """The weather there."""

    city: str
    temperature: float = Field(json_schema_extra={"renamed_from": "temp_c"})
    humidity: int | None = None
    wind: Wind


SPLIT = Migration(
    "^1",
    up={"wind.speed": "old.wind_kmh", "wind.direction": "old.wind_dir"},
    down={"wind_kmh": "old.wind.speed", "wind_dir": "old.wind.direction"},
)


@agent.skill(migrations=[SPLIT])
async def forecast(query: Query) -> Forecast:
    """The weather in some days."""
    wind = Wind(speed=12.0, direction="NW")
    return Forecast(city=query.city, temperature=21.5, humidity=40 + query.days, wind=wind)


if __name__ == "__main__":
    agent.run()
