"""What goes in and out of a skill with a contract, and how callers name theirs."""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, create_model

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import Part
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.registry.schemas import load_image
from meshgate.sdk import Agent, Context, Contract, DeprecatedContract, Mesh
from meshgate.sdk.contracts import Float
from meshgate.testing import LocalMesh
from meshgate.v1.capability_pb2 import Capability as CapabilityMessage
from tests.sdk.calls import answer, make_call, read, saying, send, stream
from tests.sdk.ports import DONE, Answer, Gateways, body_of, ok, task
from tests.sdk.schemas.meshes import client_of

TYPE = "agents.weather.forecast.Forecast"
JSON = f"application/json; type={TYPE}; version=1.0.0"
RAW = f"application/protobuf; type={TYPE}; version=1.0.0"


class Query(BaseModel):
    city: str
    days: list[int]


class Forecast(BaseModel):
    city: str
    temp_c: float = 20.5
    extremes: list[float] = []
    named: dict[str, float] = {}
    next: Forecast | None = None


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made = Agent("weather", version="1.0.0", contracts=tmp_path / "lock.json", environ={})

    @made.skill(default=True)
    async def forecast(query: Query) -> Forecast:
        return Forecast(city=f"{query.city}{query.days}")

    @made.skill(task=False)
    async def plain(query: Query) -> Forecast:
        return Forecast(city=query.city)

    @made.skill
    async def chunks(query: Query) -> AsyncIterator[Forecast]:
        for city in query.city:
            yield Forecast(city=city)

    @made.skill
    async def pieces(query: Query, ctx: Context) -> Forecast:
        await ctx.artifact("own", Forecast(city=query.city))
        await ctx.artifact("other", [1, 2])
        await ctx.artifact("capability", CapabilityMessage(reentrant=1))
        await ctx.artifact("asked", Asked(city="Bonn"))
        await ctx.artifact("words", "text")
        await ctx.artifact("said", Forecast(city=query.city), media_type="application/json")
        return Forecast(city=query.city)

    @made.skill
    async def odd(query: Query) -> Forecast:
        inner = Forecast(city="x", temp_c=math.nan)
        return Forecast(city="", temp_c=math.inf, extremes=[1.0, -math.inf], named={"a": math.inf}, next=inner)

    @made.skill
    async def proto(one: CapabilityMessage) -> CapabilityMessage:
        return CapabilityMessage(reentrant=one.reentrant + 1)

    return made


def message_class(agent: Agent, skill: str, side: str) -> Any:
    agent.manifest()
    found = next(one for one in agent.manifest().skills if one.skill == skill)
    ref = found.input if side == "input" else found.output
    assert ref is not None
    images = {load_image(data).digest: load_image(data) for data in agent.images()}
    return images[ref.hash].message_class(ref.type)


def parts_of(task: Any) -> list[Part]:
    return [part for artifact in task.artifacts for part in artifact.parts]


def raw(message: Any, media_type: str) -> dict[str, Any]:
    return {"raw": base64.b64encode(message.SerializeToString()).decode(), "mediaType": media_type}


@pytest.mark.requirement("contracts.parts")
async def test_what_a_skill_gives_names_its_type_and_its_version(agent: Agent) -> None:
    [part] = parts_of(await send(agent, data={"city": "Bonn", "days": [1]}))
    assert part.media_type == JSON
    assert part.data["city"] == "Bonn[1]"
    told = await answer(
        agent, make_call("SendMessage", saying(data={"city": "Bonn", "days": []}), meshgate_skill="plain")
    )
    assert told.message.parts[0].media_type == JSON.replace("forecast", "plain")
    chunks = await read(await stream(agent, skill="chunks", data={"city": "ab", "days": []}))
    types = {
        part.media_type for event in chunks if event.artifact_update for part in event.artifact_update.artifact.parts
    }
    assert types == {JSON.replace("forecast", "chunks")}


async def test_an_artifact_of_the_skills_own_type_keeps_the_contract_too(agent: Agent) -> None:
    parts = parts_of(await send(agent, skill="pieces", data={"city": "Bonn", "days": []}))
    own = JSON.replace("forecast", "pieces")
    assert [part.media_type for part in parts] == [
        own,
        "application/json; type=google.protobuf.Value",
        "application/json; type=meshgate.v1.Capability",
        "application/json; type=agents.weather.forecast.Query; version=1.0.0",
        "",
        "application/json",
        own,
    ]


@pytest.mark.requirement("contracts.parts")
async def test_other_data_reach_a_caller_of_another_release_as_they_are(tmp_path: Path) -> None:
    def release(version: str, name: str, old: str) -> Agent:
        agent = Agent("weather", version=version, contracts=tmp_path / "lock.json", environ={})
        moved: Any = Field(json_schema_extra={"renamed_from": old}) if old else ...
        fields: dict[str, Any] = {name: (float, moved)}
        gives: Any = create_model("Forecast", **fields)

        async def now(query: Query, ctx: Context) -> Any:
            await ctx.artifact("other", [1, 2])
            made: Any = gives(**{name: 20.5})
            return made

        now.__annotations__["return"] = gives
        agent.skill(now)
        agent.lock()
        return agent

    async with LocalMesh() as mesh, client_of(mesh) as caller:
        first = release("1.0.0", "temp_c", "")
        await SchemaGate(mesh.gateway.schemas.store).admit(first.manifest(), first.images())
        await mesh.add(release("1.1.0", "temperature", "temp_c"))
        query = Contract("agents.weather.now.Query", "1.0.0")
        result = await caller.call("weather", data={"city": "Bonn", "days": []}, contract=query)
        assert [part.data for artifact in result.artifacts for part in artifact.parts] == [[1, 2], {"temp_c": 20.5}]


@pytest.mark.requirement("contracts.parts")
@pytest.mark.parametrize(
    ("modes", "media_type"),
    [
        ([], JSON),
        (["application/protobuf"], RAW),
        (["application/x-protobuf; type=p.X"], RAW),
        (["text/plain", "application/protobuf", "application/json"], RAW),
        (["application/json", "application/protobuf"], JSON),
        (["*/*", "application/protobuf"], JSON),
        (["image/png"], JSON),
    ],
)
async def test_protobuf_comes_back_to_who_names_it_first(agent: Agent, modes: list[str], media_type: str) -> None:
    said: dict[str, Any] = {"city": "Bonn", "days": []}
    [part] = parts_of(await send(agent, data=said, configuration={"acceptedOutputModes": modes}))
    assert part.media_type == media_type
    if media_type == RAW:
        assert isinstance(part.raw, str)
        found = message_class(agent, "forecast", "output").FromString(base64.b64decode(part.raw))
        assert (found.city, found.temp_c) == ("Bonn[]", 20.5)


@pytest.mark.requirement("contracts.parts")
async def test_protobuf_is_read_and_lists_that_it_leaves_out_are_there(agent: Agent) -> None:
    cls = message_class(agent, "forecast", "input")
    part = raw(cls(city="Bonn"), "application/protobuf; type=agents.weather.forecast.Query")
    [answered] = parts_of(await send(agent, parts=[part]))
    assert answered.data["city"] == "Bonn[]"
    text = [{"text": "a word"}, {"data": {"other": 1}}, part]
    [answered] = parts_of(await send(agent, parts=text))
    assert answered.data["city"] == "Bonn[]"
    with pytest.raises(InvalidParams):
        await send(agent, parts=[{"raw": "////", "mediaType": "application/protobuf"}])
    with pytest.raises(InvalidParams):
        await send(agent, parts=[{"raw": "no base64!", "mediaType": "application/protobuf"}])


async def test_protobuf_messages_name_their_type_in_both_forms(agent: Agent) -> None:
    part = raw(CapabilityMessage(reentrant=1), "application/protobuf")
    [answered] = parts_of(await send(agent, skill="proto", parts=[part]))
    assert answered.media_type == "application/json; type=meshgate.v1.Capability; version=1.0.0"
    modes = {"acceptedOutputModes": ["application/protobuf"]}
    [answered] = parts_of(await send(agent, skill="proto", parts=[part], configuration=modes))
    assert answered.media_type == "application/protobuf; type=meshgate.v1.Capability; version=1.0.0"
    assert isinstance(answered.raw, str)
    assert CapabilityMessage.FromString(base64.b64decode(answered.raw)).reentrant == 2


@pytest.mark.requirement("contracts.derived")
async def test_a_float_that_is_not_finite_is_said_as_protobuf_says_it(agent: Agent) -> None:
    [part] = parts_of(await send(agent, skill="odd", data={"city": "Bonn", "days": []}))
    assert part.data["tempC" if "tempC" in part.data else "temp_c"] == "Infinity"
    assert part.data["extremes"] == [1.0, "-Infinity"]
    assert part.data["named"] == {"a": "Infinity"}
    assert part.data["next"]["temp_c"] == "NaN"
    back = Forecast.model_validate(part.data)
    assert back.temp_c == math.inf
    modes = {"acceptedOutputModes": ["application/protobuf"]}
    [part] = parts_of(await send(agent, skill="odd", data={"city": "", "days": []}, configuration=modes))
    assert isinstance(part.raw, str)
    found = message_class(agent, "odd", "output").FromString(base64.b64decode(part.raw))
    assert found.temp_c == math.inf
    assert math.isnan(found.next.temp_c)


@pytest.mark.requirement("contracts.parts")
async def test_protobuf_goes_through_a_gateway_both_ways(agent: Agent) -> None:
    async with LocalMesh() as mesh, client_of(mesh) as caller:
        await mesh.add(agent)
        said = message_class(agent, "forecast", "input")(city="Bonn", days=[1, 2])
        contract = Contract("agents.weather.forecast.Query", "1.0.0")
        more: dict[str, Any] = {"skill": "forecast", "data": said, "raw": True, "contract": contract}
        cls = message_class(agent, "forecast", "output")
        found = (await caller.call("weather", accept=["application/protobuf"], **more)).read(cls)
        assert (found.city, found.temp_c) == ("Bonn[1, 2]", 20.5)
        result = await caller.call("weather", **more)
        assert result.read(Forecast).city == "Bonn[1, 2]"
        assert result.artifacts[0].parts[0].media_type == JSON


# -- callers


class Asked(BaseModel):
    CONTRACT: ClassVar[Contract] = Contract("agents.weather.forecast.Query", "1.0.0")
    city: str
    ratio: Float = 1.0


def said_by(gateways: Gateways, number: int = 0) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = body_of(gateways.seen[number])["params"]["message"]["parts"]
    return parts


@pytest.mark.requirement("contracts.caller")
async def test_a_value_whose_class_has_a_contract_says_its_release() -> None:
    gateways = Gateways(one=DONE)
    mesh = Mesh("http://one", "key", transport=gateways)
    await mesh.call("weather", data=Asked(city="Bonn"))
    assert said_by(gateways)[0]["mediaType"] == "application/json; type=agents.weather.forecast.Query; version=1.0.0"
    await mesh.call("weather", data=Asked(city="Bonn"), contract=Contract("p.Query", "2.0.0"))
    assert said_by(gateways, 1)[0]["mediaType"] == "application/json; type=p.Query; version=2.0.0"
    await mesh.call("weather", data={"city": "Bonn"}, contract=Contract("p.Query"))
    assert said_by(gateways, 2)[0]["mediaType"] == "application/json; type=p.Query"
    await mesh.call("weather", data=CapabilityMessage(reentrant=1), raw=True, contract=Contract("p.Query", "1.0.0"))
    assert said_by(gateways, 3)[0] == {"raw": "YAE=", "mediaType": "application/protobuf; type=p.Query; version=1.0.0"}
    with pytest.raises(InvalidParams):
        await mesh.call("weather", data=Asked(city="Bonn"), raw=True)


@pytest.mark.parametrize(
    "given", [("", "1.0.0"), ("p.Q; x=1", ""), ("p.Q", "1.0.0; x=1"), ("p.Q\r\n", ""), ("p.Q", "é")]
)
def test_a_contract_that_would_break_a_media_type_is_refused(given: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="write it like"):
        Contract(*given)


@pytest.mark.requirement("contracts.deprecated")
async def test_a_deprecated_contract_is_warned_of_once_for_each_path_and_version() -> None:
    def deprecated(notice: str) -> Answer:
        return ok({"task": task()}, **{"meshgate-deprecated": notice})

    gateways = Gateways(one=deprecated('1.0.0; sunset=2027-03-31; notice="use 2.0.0"'))
    mesh = Mesh("http://one", "key", transport=gateways)
    with pytest.warns(DeprecatedContract, match=r"1\.0\.0; sunset=2027-03-31") as caught:
        await mesh.call("once-weather", text="x")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await mesh.call("once-weather", text="x")
    with pytest.warns(DeprecatedContract):
        await mesh.call("once-other", text="x")
    gateways.scripts["one"] = deprecated("1.1.0")
    with pytest.warns(DeprecatedContract):
        await mesh.call("once-weather", text="x")
