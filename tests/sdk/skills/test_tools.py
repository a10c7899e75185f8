"""Tools: typed functions whose schemas are declared, and have versions as those of skills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.schemas import Incompatible
from meshgate.sdk import Agent, Context
from meshgate.testing import LocalMesh
from tests.sdk.calls import answer, make_call, said_by, saying, send, text_of
from tests.sdk.schemas.meshes import Door, client_of


class Place(BaseModel):
    name: str
    country: str = "DE"


class Weather(BaseModel):
    temp_c: float


def planner(lock: Path | None = None, days: Any = int, version: str = "1.0.0", **settings: Any) -> Agent:
    agent = Agent("planner", version=version, contracts=lock, environ={}, **settings)

    @agent.skill
    async def plan(text: str) -> str:
        return f"{text}: {(await forecast(Place(name='Bonn'), 2)).temp_c}"

    async def forecast(place: Place, days: int, note: str | None = None, *, ctx: Context | None = None) -> Weather:
        """The weather on one of the next days."""
        return Weather(temp_c=float(days) + len(place.name))

    forecast.__annotations__ = {
        "place": Place,
        "days": Annotated[days, Field(ge=0)],
        "note": str | None,
        "ctx": Context,
        "return": Weather,
    }
    agent.tool(tags=["outdoors"])(forecast)

    @agent.tool(name="where-is", version="2.1.0")
    async def where(place: Place) -> str:
        """Where a place is."""
        return place.country

    @agent.tool
    async def now() -> str:
        return "noon"

    return agent


async def tool(agent: Agent, name: str, data: Any = None, **said: Any) -> Any:
    params = saying(**said) if data is None else saying(data=data)
    found = await answer(agent, make_call("SendMessage", params, meshgate_skill=name))
    return found.message.parts[0]


@pytest.mark.requirement("sdk.tools")
def test_a_tool_is_told_to_a_model_by_name_description_and_schema() -> None:
    found = {each.name: each for each in planner().tools}
    assert set(found) == {"forecast", "where-is", "now"}
    forecast = found["forecast"]
    assert (forecast.version, forecast.description) == ("1.0.0", "The weather on one of the next days.")
    assert forecast.parameters["required"] == ["place", "days"]
    assert forecast.parameters["properties"]["days"]["minimum"] == 0
    assert forecast.returns is not None
    assert "temp_c" in forecast.returns["properties"]
    assert (found["where-is"].version, found["where-is"].returns) == ("2.1.0", None)
    assert found["where-is"].parameters["title"] == "Place"
    assert found["now"].parameters == {"type": "object", "properties": {}}


@pytest.mark.requirement("sdk.tools")
async def test_a_tool_is_called_with_one_message_for_all_its_parameters() -> None:
    agent = planner()
    part = await tool(agent, "forecast", {"place": {"name": "Bonn"}, "days": 3})
    assert part.data == {"temp_c": 7.0}
    assert (await tool(agent, "where-is", {"name": "Bonn", "country": "CH"})).text == "CH"
    assert (await tool(agent, "now", text="?")).text == "noon"
    for wrong in ({"place": {"name": "Bonn"}}, {"place": {"name": "Bonn"}, "days": -1}, {"place": "Bonn", "days": 1}):
        with pytest.raises(InvalidParams):
            await tool(agent, "forecast", wrong)


async def test_an_agents_name_means_its_only_skill_and_never_a_tool() -> None:
    agent = planner()
    assert text_of(await send(agent, "go")) == "go: 6.0"
    listed = {one.skill: one for one in agent.manifest().skills}
    assert listed["plan"].default
    assert [name for name, one in listed.items() if "tool" in one.tags] == ["forecast", "where-is", "now"]
    assert listed["forecast"].tags == ("tool", "outdoors")

    @agent.skill
    async def other(text: str) -> str:
        return text

    assert not any(one.default for one in agent.manifest().skills)
    assert said_by(await send(agent, "go")) == "Which skill do you mean? Answer with its name: plan, other"


@pytest.mark.requirement("sdk.tools")
async def test_the_schema_of_a_tool_is_a_contract_that_the_mesh_keeps(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    async with LocalMesh() as mesh, client_of(mesh) as caller:
        door = Door(mesh)
        first = planner(lock, **door.settings)
        async with first.serve():
            _, subject = await mesh.gateway.schemas.store.read("planner/forecast")
            assert subject.releases[0].input is not None
            assert subject.releases[0].input.type == "agents.planner.forecast.ForecastInput"
            _, placed = await mesh.gateway.schemas.store.read("planner/where-is")
            assert placed.releases[0].version == "2.1.0"
        with pytest.raises(Incompatible) as caught:
            async with planner(lock, str, "1.1.0", **door.settings).serve():
                raise AssertionError("it was let in")
        assert "agents.planner.forecast.ForecastInput.days" in {path for path, _ in caught.value.violations}
        again = planner(tmp_path / "again.json")
        again.lock()
        await mesh.add(again)
        result = await caller.call("planner", skill="forecast", data={"place": {"name": "Bonn"}, "days": 1})
        assert result.read(Weather).temp_c == 5.0
        assert (await caller.call("forecast@*,tool", data={"place": {"name": "B"}, "days": 1})).data == {"temp_c": 2.0}
        assert (await caller.call("planner", text="go")).text == "go: 6.0"


async def streaming(text: str) -> AsyncIterator[str]:
    yield text


async def variadic(*texts: str) -> str:
    return ""


async def untyped(a: int, b: int) -> str:
    return ""


async def resultless(a: int, b: int) -> str:
    return ""


del untyped.__annotations__["a"], resultless.__annotations__["return"]


REFUSED: list[Any] = [streaming, variadic, untyped, resultless]


@pytest.mark.parametrize("function", REFUSED)
def test_what_cannot_be_a_tool_is_refused_with_how_to_write_it(function: Any) -> None:
    with pytest.raises(TypeError, match=function.__name__):
        Agent("planner", environ={}).tool(function)


def test_tags_of_a_tool_are_a_list_and_its_name_is_its_own() -> None:
    agent = planner()

    async def forecast(city: str, days: int) -> str:
        return ""

    with pytest.raises(TypeError, match="tags"):
        agent.tool(tags="outdoors", name="x")(forecast)
    with pytest.raises(ValueError, match="two skills"):
        agent.tool(forecast)
