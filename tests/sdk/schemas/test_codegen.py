"""Generated clients: what is written can be imported, and speaks to agents of its release and of others."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.schemas import BadSchema, load_image
from meshgate.sdk import Agent, Result
from meshgate.sdk.contracts import Bytes, Duration, OneOf
from meshgate.sdk.schemas.codegen.generator import generate
from meshgate.testing import LocalMesh
from tests.registry.schemas.build import compiled
from tests.sdk.schemas.meshes import client_of
from tests.support.patience import patience

ROOT = Path(__file__).parents[3]
_COUNT = itertools.count()


def loaded(source: str) -> Any:
    """The module of this source."""
    module = types.ModuleType(f"generated_{next(_COUNT)}")
    sys.modules[module.__name__] = module  # where pydantic looks for what annotations name
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    return module


def client(text: str, takes: str = "A", gives: str = "", syntax: str = "proto3") -> Any:
    """The client of messages of package ``p``."""
    data = compiled(text, syntax)
    out = (data, f"p.{gives}") if gives else (None, "")
    return loaded(generate("shop/price", "1.2.0", data, f"p.{takes}", *out))


def client_from(agent: Agent, skill: str) -> str:
    """The source of the client of a skill."""
    images = {load_image(data).digest: data for data in agent.images()}
    found = next(one for one in agent.manifest().skills if one.skill == skill)
    sides: list[Any] = []
    for ref in (found.input, found.output):
        sides += [images[ref.hash], ref.type] if ref is not None and ref.hash else [None, ""]
    return generate(f"{agent.name}/{skill}", found.version, *sides)


class Unit(enum.StrEnum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Place(BaseModel):
    name: str = Field(min_length=1)
    tags: dict[str, int] = {}


class When(OneOf):
    day: dt.date | None = None
    hours: int | None = None


class Query(BaseModel):
    place: Place
    unit: Unit = Unit.CELSIUS
    when: When | None = None
    since: dt.datetime
    key: Bytes = b""
    wait: Duration = dt.timedelta(0)
    limit: int = 3
    note: str | None = Field(default=None, alias="theNote")


class Step(BaseModel):
    at: dt.datetime
    value: float
    parts: list[Step] = []


class Forecast(BaseModel):
    city: str
    unit: Unit
    steps: list[Step]
    more: dict[str, Any] = {}


def weather(path: Path, version: str = "1.0.0") -> Agent:
    agent = Agent("weather", version=version, contracts=path, environ={})

    @agent.skill
    async def forecast(query: Query) -> Forecast:
        assert query.limit == 3, "what the client left out is the agent's default"
        inner = Step(at=query.since + query.wait, value=float(len(query.key)))
        more = {"note": query.note, "tags": query.place.tags, "hours": query.when.hours if query.when else None}
        steps = [Step(at=query.since, value=21.5, parts=[inner])]
        return Forecast(city=query.place.name, unit=query.unit, steps=steps, more=more)

    @agent.skill(name="tell-me.all")
    async def tell(text: str) -> Place:
        return Place(name=text)

    @agent.skill(name="class")
    async def sink(place: Place) -> str:
        return place.name

    return agent


SINCE = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@pytest.mark.requirement("contracts.codegen")
async def test_a_generated_client_calls_the_skill_and_reads_its_answer(tmp_path: Path) -> None:
    agent = weather(tmp_path / "lock.json")
    made = loaded(client_from(agent, "forecast"))
    async with LocalMesh() as mesh, client_of(mesh) as caller:
        await mesh.add(agent)
        query = made.Query(
            place=made.Place(name="Bonn", tags={"a": 1}),
            unit=made.Unit.kelvin,
            when=made.When(hours=2),
            since=SINCE,
            key=b"\x00\xff",
            wait=dt.timedelta(seconds=1.5),
            note="x",
        )
        answer = await made.forecast(caller, query, deadline=5.0)
        assert isinstance(answer, made.Forecast)
        assert (answer.city, answer.unit) == ("Bonn", made.Unit.kelvin)
        assert answer.steps[0].parts[0].at == SINCE + dt.timedelta(seconds=1.5)
        assert answer.steps[0].parts[0].value == 2.0
        assert answer.more == {"note": "x", "tags": {"a": 1}, "hours": 2}
        plain = await made.forecast(caller, made.Query(place=made.Place(name="Bonn"), since=SINCE))
        assert plain.unit is made.Unit.celsius


@pytest.mark.requirement("contracts.codegen")
async def test_a_generated_client_says_its_release_and_is_answered_in_it(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"

    class Old(BaseModel):
        temp_c: float

    class New(BaseModel):
        temperature: float = Field(json_schema_extra={"renamed_from": "temp_c"})

    def agent_of(model: Any, version: str) -> Agent:
        agent = Agent("weather", version=version, contracts=path, environ={})
        named: Any = type("Answer", (model,), {})

        async def now(text: str) -> Any:
            return named(**{next(iter(named.model_fields)): 20.5})

        now.__annotations__["return"] = named
        agent.skill(now)
        agent.lock()
        return agent

    first = agent_of(Old, "1.0.0")
    made = loaded(client_from(first, "now"))
    async with LocalMesh() as mesh, client_of(mesh) as caller:
        await mesh.add(first)
        await mesh.registry.deregister(first.instance)
        await mesh.seen(first.instance, there=False)
        await mesh.add(agent_of(New, "1.1.0"))
        assert (await made.now(caller, "Bonn")).temp_c == 20.5
        assert (await caller.call("weather", text="Bonn")).data == {"temperature": 20.5}


async def test_a_side_without_a_contract_is_text_and_the_result(tmp_path: Path) -> None:
    agent = weather(tmp_path / "lock.json")
    async with LocalMesh() as mesh, client_of(mesh) as caller:
        await mesh.add(agent)
        tell = loaded(client_from(agent, "tell-me.all"))
        assert (await tell.tell_me_all(caller, "Bonn")).name == "Bonn"
        sink = loaded(client_from(agent, "class"))
        answer = await sink.class_(caller, sink.Place(name="Bonn"))
        assert isinstance(answer, Result)
        assert answer.text == "Bonn"


def test_a_client_names_its_contract_and_is_the_same_each_time(tmp_path: Path) -> None:
    source = client_from(weather(tmp_path / "lock.json"), "forecast")
    assert source == client_from(weather(tmp_path / "lock.json"), "forecast")
    made = loaded(source)
    assert made.Query.CONTRACT.type == "agents.weather.forecast.Query"
    assert made.Query.CONTRACT.version == made.Forecast.CONTRACT.version == "1.0.0"
    assert not hasattr(made.Place, "CONTRACT")
    assert set(made.__all__) == {"Forecast", "Place", "Query", "Step", "Unit", "When", "forecast"}


@pytest.mark.requirement("contracts.codegen")
def test_a_client_runs_with_the_base_install(tmp_path: Path) -> None:
    (tmp_path / "weather_client.py").write_text(client_from(weather(tmp_path / "lock.json"), "forecast"))
    extras = ["grpc", "protovalidate", "cel", "fastapi", "prometheus_client", "pybreaker", "opentelemetry", "consul"]
    code = f"import sys; sys.modules.update(dict.fromkeys({extras})); import weather_client as w; w.Place(name='x')"
    roots = [str(tmp_path), *(str(ROOT / name) for name in ("protos", "registry", "sdk", "gateway"))]
    environ = {"PYTHONPATH": ":".join(roots)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        timeout=patience(60.0),
        check=False,
    )
    assert done.returncode == 0, done.stderr


# -- what protobuf has and pydantic's models have not


KINDS = """
message A {
  int64 big = 1; uint32 small = 2; float ratio = 3; bool flag = 4; string text = 5; bytes raw = 6;
  optional int32 maybe = 7;
  oneof choice { B inner = 8; string name = 9; }
  map<int32, B> by_number = 10; map<bool, double> by_flag = 11;
  repeated State states = 12; State state = 13;
  google.protobuf.Timestamp at = 14; google.protobuf.Duration wait = 15; google.protobuf.StringValue boxed = 16;
  string demanded = 17 [(buf.validate.field).required = true];
  A again = 18;
  enum State { STATE_UNKNOWN = 0; STATE_ON = 1; lower = 2; None = 3; }
  message Deep { string x = 1; }
  Deep deep = 19;
}
message B { string x = 1; }
"""


def test_every_kind_of_field_has_its_type_and_its_zero() -> None:
    made = client(KINDS)
    empty = made.A(demanded="x")
    state = made.AState
    assert [member.value for member in state] == ["STATE_UNKNOWN", "STATE_ON", "lower", "None"]
    assert empty.model_dump(mode="json", by_alias=True) == {
        "big": 0,
        "small": 0,
        "ratio": 0.0,
        "flag": False,
        "text": "",
        "raw": "",
        "byNumber": {},
        "byFlag": {},
        "states": [],
        "state": "STATE_UNKNOWN",
        "demanded": "x",
    }
    full = made.A.model_validate(
        {
            "big": "9223372036854775807",
            "ratio": "Infinity",
            "raw": "AP8=",
            "maybe": 0,
            "name": "n",
            "byNumber": {"1": {"x": "y"}},
            "byFlag": {"true": 1},
            "states": ["STATE_ON"],
            "at": "2026-01-01T00:00:00Z",
            "wait": "1.5s",
            "boxed": "b",
            "demanded": "",
            "again": {"demanded": "z"},
            "deep": {},
            "later": 1,
        }
    )
    assert (full.big, full.raw, full.maybe, full.name, full.inner) == (2**63 - 1, b"\x00\xff", 0, "n", None)
    assert (full.by_number[1].x, full.by_flag[True], full.states) == ("y", 1.0, [state.STATE_ON])
    assert (full.wait, full.boxed, full.again.demanded) == (dt.timedelta(seconds=1.5), "b", "z")
    assert type(full.deep) is made.ADeep
    assert full.model_dump(mode="json", by_alias=True)["ratio"] == "Infinity"
    with pytest.raises(ValidationError):
        made.A()


HOSTILE = """
message A {
  string class = 1; string model_dump = 2; string _hidden = 3; int32 CONTRACT = 4; string str = 5; B B = 6;
  string self = 7; string Any = 8; repeated string list = 9; string copy = 10 [json_name = "quo\\"te\\\\"];
  string model_config = 11;
}
message B { string x = 1; }
message Mesh { A Contract = 1; Field field = 2; }
message Field { string x = 1; }
message Exception { Mesh x = 1; Mesh.Wire wire = 2; }
"""


def test_names_that_mean_something_in_python_get_others_and_keep_theirs_in_json() -> None:
    text = HOSTILE.replace("message Mesh { ", "message Mesh { message Wire {} ")
    made = client(text, "Exception")
    tree = {
        "x": {"Contract": {"class": "a", "modelDump": "b", "Hidden": "c", "CONTRACT": 4, "str": "d", "B": {"x": "e"}}}
    }
    outer = made.Exception_
    full = outer.model_validate(tree)
    assert full.model_dump(mode="json", by_alias=True)["x"]["Contract"].items() >= tree["x"]["Contract"].items()
    assert full.x.Contract_.class_ == "a"
    assert full.x.Contract_.copy_ == ""
    assert 'quo"te\\' in full.model_dump(mode="json", by_alias=True)["x"]["Contract"]
    assert outer.CONTRACT.type == "p.Exception"


def test_what_proto2_demands_is_demanded_and_its_other_fields_may_be_absent() -> None:
    made = client("message A { required int32 a = 1; optional int32 b = 2 [default = 5]; }", syntax="proto2")
    assert made.A(a=1).model_dump(by_alias=True) == {"a": 1}
    with pytest.raises(ValidationError):
        made.A()


def test_two_images_with_two_ideas_of_a_name_give_two_classes() -> None:
    one, other = (
        compiled("message A { B b = 1; } message B { string x = 1; }"),
        compiled("message C { B b = 1; } message B { int32 x = 1; }"),
    )
    made = loaded(generate("shop/price", "1.0.0", one, "p.A", other, "p.C"))
    assert made.A.model_validate({"b": {"x": "text"}}).b.x == "text"
    assert made.C.model_validate({"b": {"x": 5}}).b.x == 5
    same = loaded(generate("shop/price", "1.0.0", one, "p.A", one, "p.A"))
    assert same.__all__ == ["A", "B", "price"]


def test_a_chain_of_many_messages_is_no_deeper_than_python_takes() -> None:
    text = " ".join(f"message M{index} {{ M{index + 1} next = 1; }}" for index in range(300)) + " message M300 {}"
    made = client(text, "M0")
    assert made.M0.model_validate({"next": {"next": {}}}).next.next.next is None


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("shop", "1.0.0", None, "", None, ""), InvalidParams),
        (("shop/price/x", "1.0.0", None, "", None, ""), InvalidParams),
        (('shop/a"b', "1.0.0", None, "", None, ""), InvalidParams),
        (("shop/price", 'one"', None, "", None, ""), InvalidParams),
        (("shop/price", "1.0.0", b"junk", "p.A", None, ""), BadSchema),
        (("shop/price", "1.0.0", None, "", compiled("message A {}"), "p.Nope"), BadSchema),
    ],
)
def test_what_names_no_contract_is_refused(given: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        generate(*given)
