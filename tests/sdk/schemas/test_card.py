"""What an agent's card says of the contracts of its skills."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, Field

from meshgate.a2a.card_types import SkillTerms
from meshgate.a2a.cards import read_card, terms_of
from meshgate.a2a.limits import DEFAULTS
from meshgate.sdk import Agent
from meshgate.sdk.schemas.codegen.json_schema import json_schema
from meshgate.testing import LocalMesh
from meshgate.v1.capability_pb2 import Capability as CapabilityMessage
from tests.registry.schemas.build import image


class Query(BaseModel):
    city: str = Field(min_length=1)
    since: dt.date | None = Field(default=None, alias="sinceDay")


class Forecast(BaseModel):
    temp_c: float
    next: list[Forecast] = []


def weather(path: Path, **settings: Any) -> Agent:
    agent = Agent("weather", version="1.2.0", contracts=path, environ={}, **settings)

    @agent.skill
    async def forecast(query: Query) -> Forecast:
        return Forecast(temp_c=20.5)

    @agent.skill(version="2.0.0")
    async def proto(one: CapabilityMessage) -> str:
        return ""

    return agent


def terms(card: dict[str, Any]) -> dict[str, SkillTerms]:
    return terms_of(read_card(msgspec.json.encode(card))[1]).skills


@pytest.mark.requirement("contracts.card")
def test_a_card_has_type_version_and_json_schema_of_both_sides(tmp_path: Path) -> None:
    found = terms(weather(tmp_path / "lock.json").card())
    forecast, proto = found["forecast"], found["proto"]
    assert (forecast.version, forecast.input_type) == ("1.2.0", "agents.weather.forecast.Query")
    assert forecast.output_type == "agents.weather.forecast.Forecast"
    assert forecast.input_schema is not None
    assert forecast.input_schema["required"] == ["city"]
    assert set(forecast.input_schema["properties"]) == {"city", "sinceDay"}
    assert forecast.output_schema is not None
    assert "temp_c" in forecast.output_schema["$defs"]["Forecast"]["properties"]
    assert (proto.version, proto.input_type, proto.output_type) == ("2.0.0", "meshgate.v1.Capability", "")
    assert proto.input_schema is not None
    assert proto.input_schema["$ref"] == "#/$defs/meshgate.v1.Capability"
    assert "reentrant" in proto.input_schema["$defs"]["meshgate.v1.Capability"]["properties"]
    assert proto.output_schema is None


async def test_a_gateway_shows_the_terms_to_who_asks_for_the_card(tmp_path: Path) -> None:
    agent = weather(tmp_path / "lock.json")
    async with LocalMesh() as mesh:
        await mesh.add(agent)
        [entry] = mesh.gateway.table.entries.values()
        assert terms(entry.manifest.card) == terms(agent.card())


@pytest.mark.requirement("contracts.card")
def test_schemas_that_have_no_room_are_left_out_and_their_types_stay(tmp_path: Path) -> None:
    size = len(msgspec.json.encode(terms(weather(tmp_path / "lock.json").card())["forecast"].input_schema))
    for room, there in ((size - 1, False), (size, True)):
        limits = msgspec.structs.replace(DEFAULTS, schema_json=room)
        agent = weather(tmp_path / "lock.json", limits=limits)
        found = terms(agent.card())["forecast"]
        assert (found.input_schema is not None) is there
        assert found.output_schema is None
        assert found.output_type == "agents.weather.forecast.Forecast"
        assert terms(agent.manifest().card) == terms(agent.card())


def test_without_contracts_a_card_names_no_types(tmp_path: Path) -> None:
    agent = Agent("weather", environ={})

    @agent.skill
    async def forecast(query: Query) -> Forecast:
        return Forecast(temp_c=20.5)

    found = terms(agent.card())["forecast"]
    assert (found.input_type, found.output_type) == ("", "")
    assert found.input_schema is not None


def test_every_kind_of_field_has_its_json_form() -> None:
    schema = json_schema(
        image(
            """message A {
              int64 big = 1; double ratio = 2; bool flag = 3; string text_name = 4; bytes raw = 5;
              repeated B inner = 6; map<int32, E> named = 7; oneof x { A again = 8; E e = 9; }
              google.protobuf.Timestamp at = 10; google.protobuf.Duration wait = 11;
              google.protobuf.StringValue boxed = 12; string demanded = 13 [(buf.validate.field).required = true];
            }
            message B { string x = 1; } enum E { E_NONE = 0; E_SOME = 1; }"""
        ).message("p.A")
    )
    assert set(schema["$defs"]) == {"p.A", "p.B", "p.E"}
    found = schema["$defs"]["p.A"]
    assert found["required"] == ["demanded"]
    fields = found["properties"]
    assert fields["big"]["type"] == ["integer", "string"]
    assert fields["ratio"]["anyOf"][0] == {"type": "number"}
    assert fields["textName"] == {"type": "string"}
    assert fields["raw"]["contentEncoding"] == "base64"
    assert fields["inner"] == {"type": "array", "items": {"$ref": "#/$defs/p.B"}}
    assert fields["named"] == {"type": "object", "additionalProperties": {"$ref": "#/$defs/p.E"}}
    assert fields["again"] == {"$ref": "#/$defs/p.A"}
    assert fields["at"] == {"type": "string", "format": "date-time"}
    assert fields["boxed"] == {"type": "string"}
    assert schema["$defs"]["p.E"] == {"enum": ["E_NONE", "E_SOME"]}
