"""Models and dataclasses become protobuf messages whose JSON is the JSON that pydantic reads and writes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Generic, Literal, TypeVar

import protovalidate
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    RootModel,
    StringConstraints,
    TypeAdapter,
    create_model,
    field_serializer,
)

from meshgate.registry.schemas import BadSchema, Image
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadContract, Bytes, Duration, OneOf
from meshgate.sdk.schemas.derive.derive import derive
from meshgate.sdk.schemas.derive.derived_contract import DerivedContract, DerivedMessage
from meshgate.sdk.schemas.derive.json_adapter import JsonAdapter
from meshgate.sdk.schemas.lock.numbers import Numbering
from meshgate.v1.capability_pb2 import Capability as CapabilityMessage

T = TypeVar("T")


class Priority(enum.StrEnum):
    LOW = "low"
    HIGH = "high"


class Door(enum.Enum):
    FRONT = "front-door"
    BACK = "back-door"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


class Card(BaseModel):
    digits: str


class Payment(OneOf):
    card: Card | None = None
    cash: bool | None = None


class Line(BaseModel):
    item: str
    count: int = 1
    parts: list[Line] = []


class Names(RootModel[dict[str, str]]):
    pass


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=list[str])
    above: Point | None = None


class Order(BaseModel):
    text: str
    flag: bool
    count: int
    price: float
    raw: Bytes
    at: dt.datetime
    day: dt.date
    wait: Duration
    ident: uuid.UUID
    total: decimal.Decimal
    priority: Priority
    door: Door
    level: Level
    mood: Literal["good", "bad"]
    note: str | None = None
    quantity: int = 7
    lines: list[Line]
    by_name: dict[str, Line] = Field(default={}, alias="byName")
    names: Names
    point: Point | None = None
    payment: Payment | None = None
    priorities: list[Priority] = []
    more: dict[str, Any] = {}


def derived(takes: Any, gives: Any = None, known: Numbering | None = None) -> DerivedContract:
    return derive("shop", "price", takes, gives, known or Numbering())


def side_of(model: Any) -> DerivedMessage:
    side = derived(model).takes
    assert side is not None
    return side


def fields_of(model: Any) -> dict[str, Any]:
    side = side_of(model)
    return {field.name: field for field in side.image.message(side.type).fields}


def broken(model: Any, tree: Any) -> set[str]:
    """The rules that protovalidate finds broken."""
    side = side_of(model)
    message = json_format.ParseDict(tree, side.image.message_class(side.type)())
    return {found.proto.rule_id for found in protovalidate.Validator().collect_violations(message)}


def through(side: DerivedMessage, tree: Any) -> Any:
    """JSON that went through protobuf's binary form, as a gateway converts it, and back to the agent."""
    cls = side.image.message_class(side.type)
    message = json_format.ParseDict(tree, cls())
    back = json_format.MessageToDict(cls.FromString(message.SerializeToString()))
    assert side.shapes is not None
    return JsonAdapter(side.shapes, side.shape).with_empty_lists(back)


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
_WHOLE = st.integers(-(2**63), 2**63 - 1)
_REAL = st.floats(allow_nan=False, allow_infinity=False)
_LINES: st.SearchStrategy[Any] = st.recursive(
    st.builds(Line, item=_TEXTS, count=_WHOLE, parts=st.just([])),
    lambda inner: st.builds(Line, item=_TEXTS, count=_WHOLE, parts=st.lists(inner, max_size=2)),
    max_leaves=4,
)
_POINTS = st.builds(Point, x=_REAL, y=_REAL, tags=st.lists(_TEXTS, max_size=2), above=st.none())
_PAYMENTS = st.one_of(st.builds(Payment, card=st.builds(Card, digits=_TEXTS)), st.builds(Payment, cash=st.booleans()))
_ORDERS = st.builds(
    Order,
    text=_TEXTS,
    flag=st.booleans(),
    count=_WHOLE,
    price=_REAL,
    raw=st.binary(max_size=8),
    at=st.datetimes(timezones=st.just(dt.UTC)),
    day=st.dates(),
    wait=st.timedeltas(min_value=dt.timedelta(days=-36500), max_value=dt.timedelta(days=36500)),
    ident=st.uuids(),
    total=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    priority=st.sampled_from(Priority),
    door=st.sampled_from(Door),
    level=st.sampled_from(Level),
    mood=st.sampled_from(["good", "bad"]),
    note=st.none() | _TEXTS,
    quantity=_WHOLE,
    lines=st.lists(_LINES, max_size=2),
    byName=st.dictionaries(_TEXTS, _LINES, max_size=2),
    names=st.builds(Names, st.dictionaries(_TEXTS, _TEXTS, max_size=2)),
    point=st.none() | _POINTS,
    payment=st.none() | _PAYMENTS,
    priorities=st.lists(st.sampled_from(Priority), max_size=3),
    more=st.dictionaries(_TEXTS, st.none() | st.booleans() | _TEXTS, max_size=2),
)
_ORDER = side_of(Order)


@pytest.mark.requirement("contracts.derived")
@given(_ORDERS)
@settings(max_examples=60, deadline=None)
def test_what_pydantic_writes_comes_back_from_protobuf_as_it_was(order: Order) -> None:
    tree = order.model_dump(mode="json", by_alias=True)
    assert Order.model_validate(through(_ORDER, tree)) == order


@given(_POINTS)
@settings(max_examples=30, deadline=None)
def test_a_dataclass_is_as_good_as_a_model(point: Point) -> None:
    adapter = TypeAdapter(Point)
    assert adapter.validate_python(through(side_of(Point), adapter.dump_python(point, mode="json"))) == point


def test_a_message_is_called_after_its_agent_its_skill_and_its_model() -> None:
    assert _ORDER.type == "agents.shop.price.Order"
    side = derive("my-shop.eu", "2price", Card, None, Numbering()).takes
    assert side is not None
    assert side.type == "agents.my_shop_eu._2price.Card"


def test_both_sides_of_a_skill_share_one_image() -> None:
    made = derived(Order, Card)
    assert made.takes is not None
    assert made.gives is not None
    assert made.takes.image == made.gives.image
    assert derived(Order, Card).takes == made.takes


def test_text_parts_and_plain_data_make_no_contract() -> None:
    assert derived(str, int) == DerivedContract(None, None, Numbering())


def test_a_protobuf_message_brings_the_files_that_it_needs() -> None:
    side = side_of(CapabilityMessage)
    assert side.type == "meshgate.v1.Capability"
    assert FileDescriptorSet.FromString(side.image.data).file[-1].name == "meshgate/v1/capability.proto"
    assert isinstance(side.image, Image)


def test_json_names_are_those_that_pydantic_writes() -> None:
    assert fields_of(Order)["by_name"].json_name == "byName"
    assert fields_of(Order)["priority"].json_name == "priority"


# -- constraints


class Bounded(BaseModel):
    age: int = Field(ge=18, le=200)
    ratio: float = Field(gt=0, le=1, allow_inf_nan=False)
    name: Annotated[str, StringConstraints(min_length=2, max_length=4, pattern="^[a-z]+$")]
    raw: Bytes = Field(default=b"ok", min_length=1)
    tags: list[Annotated[str, Field(min_length=2)]] = Field(min_length=1, max_length=2)
    sizes: dict[Annotated[str, Field(max_length=2)], Annotated[int, Field(ge=1)]] = Field(default={}, max_length=1)
    door: Door = Door.FRONT
    level: Level = Level.ONE
    maybe: int | None = Field(default=None, ge=5)


GOOD = {"age": 18, "ratio": 1, "name": "ab", "tags": ["ab"]}


@pytest.mark.requirement("contracts.constraints")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, ""),
        ({"age": 17}, "int64.gte_lte"),
        ({"age": 201}, "int64.gte_lte"),
        ({"age": None}, "required"),
        ({"ratio": 0}, "double.gt_lte"),
        ({"ratio": "Infinity"}, "double.gt_lte"),
        ({"name": "a"}, "string.min_len"),
        ({"name": "abcde"}, "string.max_len"),
        ({"name": "A1"}, "string.pattern"),
        ({"raw": ""}, "bytes.min_len"),
        ({"tags": []}, "repeated.min_items"),
        ({"tags": ["ab", "ab", "ab"]}, "repeated.max_items"),
        ({"tags": ["a"]}, "string.min_len"),
        ({"sizes": {"a": 1, "b": 1}}, "map.max_pairs"),
        ({"sizes": {"abc": 1}}, "string.max_len"),
        ({"sizes": {"a": 0}}, "int64.gte"),
        ({"door": "window"}, "string.in"),
        ({"level": 3}, "int64.in"),
        ({"maybe": 4}, "int64.gte"),
        ({"maybe": 5}, ""),
    ],
)
def test_a_gateway_checks_what_pydantic_would(change: dict[str, Any], rule: str) -> None:
    found = broken(Bounded, {**GOOD, **change})
    assert (rule in found) if rule else not found


def test_zero_and_empty_values_satisfy_a_field_without_a_default() -> None:
    class Zeros(BaseModel):
        number: int
        text: str
        flag: bool
        items: list[int]

    assert not broken(Zeros, {"number": 0, "text": "", "flag": False, "items": []})
    assert broken(Zeros, {}) == {"required"}


def test_one_alternative_is_demanded() -> None:
    assert broken(Payment, {}) == {"required"}
    assert not broken(Payment, {"cash": True})


def test_text_that_pydantic_changes_first_is_not_measured_by_the_gateway() -> None:
    class Trimmed(BaseModel):
        name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2)]

    assert not broken(Trimmed, {"name": " ab "})


# -- what cannot be written


class Page(BaseModel, Generic[T]):
    items: list[T] = []


class Own(BaseModel):
    price: float

    @field_serializer("price")
    def _shown(self, value: float) -> str:
        return f"{value} EUR"


def field(annotation: Any, default: Any = ...) -> type[BaseModel]:
    """A model with one field."""
    return type(
        "Model", (BaseModel,), {"__annotations__": {"x": annotation}, **({} if default is ... else {"x": default})}
    )


class Other(BaseModel):
    name: int


REFUSED: list[Any] = [
    field(dt.timedelta),
    field(bytes),
    field(Card | Line),
    field(int | str),
    field(tuple[int, str]),
    field(dict[int, str]),
    field(list[list[int]]),
    field(list[int | None]),
    field(list[str] | None, None),
    field(int | None),
    field(int | None, 5),
    field(list[int], [1]),
    field(complex),
    field(str, Field(validation_alias=AliasChoices("a", "b"))),
    field(str, Field(serialization_alias="a")),
    field(Literal["a", 1]),
    field(Page),
    field(T),
    Names,
    Own,
    type(
        "Twice", (BaseModel,), {"__annotations__": {"a": str, "b": str}, "a": Field(alias="b"), "b": Field(alias="a")}
    ),
    type("Empty", (OneOf,), {}),
    type("Many", (OneOf,), {"__annotations__": {"a": list[int]}, "a": []}),
    type("Naïve", (BaseModel,), {"__annotations__": {"größe": int}}),
    type("Same", (BaseModel,), {"__annotations__": {"a": Card, "b": type("Card", (BaseModel,), {})}}),
    type("Card", (BaseModel,), {"__annotations__": {"a": Card}}),
    field(dict),
    field(list),
    field(tuple),
    field(set),
    field(type),
    field(Literal[True]),
    field(Card | None | int, None),
]


@pytest.mark.requirement("contracts.derived")
@pytest.mark.parametrize("model", REFUSED)
def test_what_has_no_counterpart_is_refused_with_the_place_and_how_to_write_it(model: Any) -> None:
    with pytest.raises(BadContract) as caught:
        derived(model)
    assert caught.value.path.startswith("skill price, ")
    assert caught.value.remedy


def test_two_classes_of_one_name_on_the_two_sides_of_a_skill_are_refused() -> None:
    other = type("Card", (BaseModel,), {"__annotations__": {"digits": int}})
    with pytest.raises(BadContract, match="rename one"):
        derived(Card, other)
    assert derived(Card, Card).takes == derived(Card, Card).gives


def test_a_generic_model_has_the_name_of_its_types() -> None:
    assert derived(Page[Card]).takes is not None
    assert side_of(Page[Card]).type == "agents.shop.price.Page_Card"


class Node(BaseModel):
    """Models that hold themselves, and one another."""

    left: Node | None = None
    many: list[Node] = []
    named: dict[str, Tree] = {}


class Tree(BaseModel):
    root: Node | None = None


def nested(levels: int) -> type[BaseModel]:
    """Models that hold one another so deep."""
    model: type[BaseModel] = create_model("M0", x=(int, 0))
    for number in range(1, levels):
        annotation: Any = model | None
        model = create_model(f"M{number}", inner=(annotation, None))
    return model


@pytest.mark.requirement("contracts.recursive")
def test_models_that_hold_themselves_are_messages_that_do() -> None:
    fields = fields_of(Node)
    assert fields["left"].message_type.full_name == fields["many"].message_type.full_name == "agents.shop.price.Node"
    tree: dict[str, Any] = {"left": {"many": [{}]}, "named": {"a": {"root": {"left": {}}}}}
    assert Node.model_validate(through(side_of(Node), tree)) == Node.model_validate(tree)


@pytest.mark.requirement("contracts.recursive")
def test_models_are_nested_as_deep_as_anybody_does_and_no_deeper() -> None:
    assert len(side_of(nested(30)).image.types) == 30
    with pytest.raises(BadContract) as caught:
        derived(nested(400))
    assert caught.value.remedy

    async def skill(model: Any) -> str:
        return ""

    skill.__annotations__["model"] = nested(400)
    with pytest.raises(TypeError, match="fewer levels"):
        Agent("shop", environ={}).skill(skill)


def test_a_contract_that_is_too_large_is_refused() -> None:
    huge = type("Huge", (BaseModel,), {"__annotations__": {f"f{index}": int for index in range(1100)}})
    with pytest.raises(BadSchema):
        derived(huge)


@pytest.mark.parametrize("value", [dt.timedelta(0), dt.timedelta(seconds=-1.5), dt.timedelta(microseconds=1)])
def test_a_duration_is_written_as_protobuf_writes_it(value: dt.timedelta) -> None:
    adapter = TypeAdapter[Any](Duration)
    assert adapter.validate_python(adapter.dump_python(value, mode="json")) == value


def test_a_time_without_a_zone_is_found_before_it_is_sent() -> None:
    class Event(BaseModel):
        at: dt.datetime
        more: list[dt.datetime] = []

    side = side_of(Event)
    assert side.shapes is not None
    walker = JsonAdapter(side.shapes, side.shape)
    walker.to_protobuf({"at": "2026-01-01T00:00:00Z", "more": ["2026-01-01T00:00:00+01:00"]})
    with pytest.raises(ValueError, match="time zone"):
        walker.to_protobuf({"at": "2026-01-01T00:00:00Z", "more": ["2026-01-01T00:00:00"]})
