"""An agent whose skill has a contract."""

from pydantic import BaseModel, Field

from meshgate.sdk import Agent

agent = Agent("weather", version="1.0.0", contracts="weather.lock.json")


class Query(BaseModel):
    """Where."""

    city: str = Field(min_length=1)


class Forecast(BaseModel):
    """The weather there."""

    city: str
    degrees: float


@agent.skill
async def forecast(query: Query) -> Forecast:
    """The weather tomorrow."""
    return Forecast(city=query.city, degrees=21.5)


agent.run()
