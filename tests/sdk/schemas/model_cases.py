"""Runs each row of the tables in docs/contracts-and-models.md: what pydantic does, and what the contract does.

A row is Python and JSON as text. The types that rows name stand in the page itself, in its file ``kinds.py``. The
page's verdicts are what a run gives: ``python -m tests.sdk.schemas.model_cases`` writes them into the page, and a test
compares.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from msgspec.structs import replace
from pydantic import BaseModel, TypeAdapter, ValidationError

from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.errors import MeshError
from meshgate.registry.schemas.standard_files import extension, options_class
from meshgate.registry.schemas.subject import Subject
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadContract
from meshgate.sdk.schemas.derive.derive import derive
from meshgate.sdk.schemas.lock.numbers import Numbering
from meshgate.testing import LocalMesh

__all__ = ["GIVEN", "MADE", "PAGE", "SENT", "find_tables", "page_with"]

PAGE = Path(__file__).parents[3] / "docs" / "contracts-and-models.md"

MADE: dict[str, tuple[str, ...]] = {
    "plain": (
        "str",
        "bool",
        "int",
        "float",
        "bytes",
        "Bytes",
        "datetime",
        "AwareDatetime",
        "NaiveDatetime",
        "date",
        "time",
        "timedelta",
        "Duration",
        "UUID",
        "Decimal",
        "HttpUrl",
        "complex",
        "Path",
    ),
    "choices": (
        "Colour",
        "Level",
        "Mixed",
        'Literal["low", "high"]',
        "Literal[1, 2]",
        'Literal["low", 1]',
        "int | str",
        "Cat | Dog",
        'Annotated[Cat | Dog, Field(discriminator="kind")]',
        "Pet",
        "str | None = None",
        "str | None",
        'str | None = "x"',
    ),
    "holders": (
        "list[int]",
        "list[int] = [1]",
        "list[int] = Field(default_factory=list)",
        "list[int] | None = None",
        "list[int | None]",
        "list[list[int]]",
        "list",
        "set[int]",
        "tuple[int, ...]",
        "tuple[int, str]",
        "dict[str, int]",
        "dict[int, str]",
        "dict[str, Any]",
        "dict[str, list[int]]",
        "dict",
        "Any",
        "Node",
        "Inner",
        "Names",
        "Point",
        "Page[int]",
        "Page[T]",
        "Shouted",
        "TypedInner",
    ),
    "constraints": (
        "Annotated[int, Field(ge=1, lt=10)]",
        "Annotated[int, Field(le=2**70)]",
        "Annotated[int, Field(multiple_of=5)]",
        "Annotated[float, Field(gt=0, allow_inf_nan=False)]",
        "Annotated[Decimal, Field(max_digits=5, decimal_places=2)]",
        "Annotated[str, Field(min_length=1, max_length=20)]",
        "Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]",
        'Annotated[str, Field(pattern=r"^[a-z]+$")]',
        'Annotated[str, Field(pattern=r"^\\w+$")]',
        'Annotated[str, Field(pattern=r"^\\d{4}$")]',
        'Annotated[str, Field(pattern=r"\\bcat\\b")]',
        'Annotated[str, Field(pattern=r"^\\p{L}+$")]',
        'Annotated[str, Field(pattern=r"^\\s*\\S+$")]',
        'Annotated[str, Field(pattern=r"[a-z&&[^x]]")]',
        'Annotated[str, Field(pattern=re.compile(r"^(?!no)"))]',
        "Annotated[list[int], Field(min_length=1)]",
        "Annotated[dict[str, int], Field(max_length=3)]",
        "Annotated[int, AfterValidator(even)]",
        "int = 7",
        "datetime = Field(default_factory=now)",
        'str = Field(alias="fullName")',
        'str = Field(serialization_alias="fullName")',
        'str = Field(validation_alias=AliasChoices("a", "b"))',
        "str = Field(exclude=True, default='')",
    ),
}
"""Annotations of a field, by table."""


@dataclass(frozen=True)
class Sent:
    """One message that is sent to a skill that takes a model."""

    model: str
    json: str


@dataclass(frozen=True)
class Given:
    """One value that a skill gives."""

    model: str
    value: str


SENT = (
    Sent("x: int", '{"x": 5}'),
    Sent("x: int", '{"x": "5"}'),
    Sent("x: int", '{"x": " 5 "}'),
    Sent("x: int", '{"x": 5.0}'),
    Sent("x: int", '{"x": 5.5}'),
    Sent("x: int", '{"x": true}'),
    Sent("x: int", '{"x": 9223372036854775808}'),
    Sent("x: bool", '{"x": 1}'),
    Sent("x: bool", '{"x": "yes"}'),
    Sent("x: bool", '{"x": "true"}'),
    Sent("x: str", '{"x": 5}'),
    Sent("x: float", '{"x": 5}'),
    Sent("x: float", '{"x": "5.5"}'),
    Sent("x: float", '{"x": "NaN"}'),
    Sent("x: float", '{"x": "nan"}'),
    Sent("x: float", '{"x": NaN}'),
    Sent("x: float", '{"x": 1e999}'),
    Sent("x: float", '{"x": "Infinity"}'),
    Sent("x: Annotated[float, Field(allow_inf_nan=False)]", '{"x": "NaN"}'),
    Sent("x: int", "{}"),
    Sent("x: int = 7", "{}"),
    Sent("x: int", '{"x": null}'),
    Sent("x: int = 7", '{"x": null}'),
    Sent("x: int | None = None", '{"x": null}'),
    Sent("x: int", '{"x": 5, "y": 6}'),
    Sent("x: Inner", '{"x": {"n": "a"}}'),
    Sent("x: int", '{"x": 5, "x": 6}'),
    Sent("x: datetime", '{"x": "2026-11-30T12:00:00Z"}'),
    Sent("x: datetime", '{"x": "2026-11-30T12:00:00+01:00"}'),
    Sent("x: datetime", '{"x": "2026-11-30T12:00:00"}'),
    Sent("x: datetime", '{"x": "2026-11-30 12:00:00Z"}'),
    Sent("x: datetime", '{"x": "2026-11-30"}'),
    Sent("x: datetime", '{"x": 1796040000}'),
    Sent("x: date", '{"x": "2026-11-30"}'),
    Sent("x: date", '{"x": "2026-11-30T00:00:00"}'),
    Sent("x: date", '{"x": 1795996800}'),
    Sent("x: UUID", '{"x": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}'),
    Sent("x: UUID", '{"x": "6ba7b8109dad11d180b400c04fd430c8"}'),
    Sent("x: Decimal", '{"x": "1.50"}'),
    Sent("x: Decimal", '{"x": 1.5}'),
    Sent("x: Duration", '{"x": "1.5s"}'),
    Sent("x: Duration", '{"x": "PT1.5S"}'),
    Sent("x: Bytes", '{"x": "aGk="}'),
    Sent("x: Bytes", '{"x": "hi!"}'),
    Sent("x: Colour", '{"x": "red"}'),
    Sent("x: Colour", '{"x": "pink"}'),
    Sent("x: Colour", '{"x": 1}'),
    Sent("x: Level", '{"x": 1}'),
    Sent("x: Level", '{"x": "1"}'),
    Sent("x: Level", '{"x": 3}'),
    Sent("x: list[int]", '{"x": []}'),
    Sent("x: list[int]", "{}"),
    Sent("x: list[int]", '{"x": null}'),
    Sent("x: list[int]", '{"x": ["1", 2]}'),
    Sent("x: set[int]", '{"x": [1, 1]}'),
    Sent("x: dict[str, int]", '{"x": {"a": "1"}}'),
    Sent("x: Pet", '{"x": {"cat": {"kind": "cat"}}}'),
    Sent("x: Pet", '{"x": {"cat": {"kind": "cat"}, "dog": {"kind": "dog"}}}'),
    Sent("x: Pet", '{"x": {}}'),
    Sent('x: str = Field(alias="fullName")', '{"fullName": "Ada"}'),
    Sent('x: str = Field(alias="fullName")', '{"x": "Ada"}'),
    Sent('x_y: str = ""', '{"x_y": "a"}'),
    Sent('x_y: str = ""', '{"xY": "a"}'),
    Sent("x: Annotated[str, Field(min_length=1)]", '{"x": ""}'),
    Sent("x: Annotated[int, Field(ge=1)]", '{"x": 0}'),
    Sent('x: Annotated[str, Field(pattern=r"^[a-z]+$")]', '{"x": "A"}'),
    Sent("x: int", "[5]"),
    Sent("x: int", '"5"'),
    Sent("x: Annotated[int, AfterValidator(even)]", '{"x": 5}'),
    Sent("x: Annotated[int, Field(multiple_of=5)]", '{"x": 7}'),
    Sent("x: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]", '{"x": "  "}'),
    Sent('x: Annotated[str, Field(pattern=re.compile(r"^(?!no)"))]', '{"x": "no"}'),
    Sent("x: date", '{"x": "2026-02-31"}'),
    Sent("x: time", '{"x": "25:00"}'),
    Sent("x: Decimal", '{"x": "abc"}'),
    Sent("x: Annotated[Decimal, Field(max_digits=3)]", '{"x": "12345"}'),
    Sent("x: HttpUrl", '{"x": "not a url"}'),
    Sent("x: set[Annotated[int, Field(ge=1)]]", '{"x": [0]}'),
    Sent("x: Annotated[set[int], Field(min_length=2)]", '{"x": [1, 1]}'),
    Sent("x: Ordered", '{"x": {"low": 2, "high": 1}}'),
    Sent("x: Annotated[int, Field(strict=True)]", '{"x": "5"}'),
    Sent("x: Closed", '{"x": {"n": 1, "m": 2}}'),
    Sent("x: Any", '{"x": null}'),
    Sent("x: Literal[1, 2]", '{"x": 3}'),
    Sent("x: list[int]", '{"x": [1, null]}'),
    Sent("x: list[int]", '{"x": 1}'),
    Sent("x: dict[str, int]", "{}"),
    Sent("x: int | None = None", "{}"),
    Sent("x: datetime", '{"x": "2026-11-30T12:00:00.5Z"}'),
    Sent("x: datetime", '{"x": "0001-01-01T00:00:00Z"}'),
)
"""Messages to a skill that takes a model of one field. What becomes of them decides in which table they stand."""

GIVEN = (
    Given("x: datetime", "datetime(2026, 11, 30, 12, tzinfo=UTC)"),
    Given("x: datetime", "datetime(2026, 11, 30, 12)"),
    Given("x: float", 'float("nan")'),
    Given("x: int", "2**63 - 1"),
    Given("x: int", "2**63"),
    Given("x: Decimal", 'Decimal("1.50")'),
    Given("x: Bytes", 'b"\\xff"'),
    Given("x: Duration", "timedelta(seconds=90)"),
    Given("x: str | None = None", "None"),
    Given("x: Annotated[int, Field(ge=1)]", "0"),
)
"""Values that a skill gives, in a model of one field that pydantic did not check (``model_construct``)."""


def namespace() -> dict[str, Any]:
    """The names that the page's file ``kinds.py`` declares."""
    found = re.search(r"<!-- run: \S+ file=kinds\.py -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    module = ModuleType("kinds_of_the_page")
    sys.modules[module.__name__] = module  # where pydantic looks for the names in annotations
    exec(found[1], vars(module))
    return vars(module)


def model_of(names: dict[str, Any], fields: str) -> type[BaseModel]:
    """A model of these fields."""
    own = {**names}
    exec(f"class Model(BaseModel):\n    {fields}\n", own)
    model: type[BaseModel] = own["Model"]
    return model


# -- what becomes of a type


async def written(mesh: LocalMesh, model: type[BaseModel]) -> tuple[str, str]:
    """What a model's field is in the contract, and with what it is refused; one of the two is empty."""
    try:
        await _add(mesh, model)
    except (MeshError, TypeError) as error:
        told = str(error).removeprefix("skill take, ")
        return "", told if isinstance(error, BadContract) else f"({type(error).__name__}) {told}"
    side = derive("shop", "take", model, None, Numbering()).takes
    assert side is not None
    fields = list(side.image.message(side.type).fields)
    return (_field(fields[0]) if fields else "no field"), ""


def _field(field: FieldDescriptor) -> str:
    value = field
    shape = ""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value, shape = field.message_type.fields_by_name["value"], "map<string, "
    elif field.is_repeated:
        shape = "repeated "
    kind = _kind(value)
    told = f"{shape}{kind}>" if shape.startswith("map") else f"{shape}{kind}"
    name = f" `{field.json_name}`" if field.json_name != "x" else ""
    rules = _rules(field)
    return f"`{told}`{name}" + (f", `{rules}`" if rules else "")


_KINDS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


def _kind(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        name: str = field.message_type.full_name
        return name.removeprefix("agents.shop.take.")
    if field.enum_type is not None:
        values = ", ".join(value.name for value in field.enum_type.values)
        return f"enum {{{values}}}"
    return _KINDS[field.type]


def _rules(field: FieldDescriptor) -> str:
    options = options_class("google.protobuf.FieldOptions")()
    options.ParseFromString(field.GetOptions().SerializeToString())
    rules = json_format.MessageToDict(options.Extensions[extension("buf.validate.field")])
    return "; ".join(_flat(rules, ""))


def _flat(rules: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for name, value in rules.items():
        if is_object(value):
            found += _flat(value, path + name + ".")
        else:
            shown = re.sub(r'"(-?[0-9]+)"', r"\1", json.dumps(value))  # JSON of protobuf has int64 as text
            found.append(f"{path}{name}" if value is True else f"{path}{name}: {shown}")
    return found


# -- what becomes of a message


def validated(model: type[BaseModel], text: str) -> str:
    """What pydantic makes of JSON, in the way in which an agent without a contract reads it."""
    try:
        value = TypeAdapter(model).validate_python(json.loads(text))
    except ValidationError as error:
        return f"refuses: {error.errors()[0]['msg']}"
    return f"takes `{_shown(value)}`"


def _shown(value: BaseModel) -> str:
    return ", ".join(repr(one) for one in vars(value).values())


async def judged(mesh: LocalMesh, agent: str, text: str) -> str:
    """What the gateway, and then the agent, make of JSON. It is sent as it is."""
    answer = await _ask(mesh, agent, '{"data": ' + text + "}")
    if "error" not in answer:
        return f"takes `{answer['result']['task']['artifacts'][0]['parts'][0]['text']}`"
    details = answer["error"].get("data", [])
    reason = next(one["reason"] for one in details if "reason" in one)
    violations = [each for one in details for each in one.get("fieldViolations", ())]
    if not violations:
        return f"`{reason}`: {answer['error']['message']}"
    field, what = violations[0].get("field", ""), _NAME.sub("agents.shop.", violations[0]["description"])
    return f"`{reason}`{f' at `{field}`' if field else ''}: {what}"


_CALL = re.compile(r"call [0-9a-f]{16}")
_NAME = re.compile(r"agents\.shop_[0-9]+\.")


async def _ask(mesh: LocalMesh, agent: str, part: str) -> Any:
    message = '{"messageId": "1", "role": "ROLE_USER", "parts": [' + part + "]}"
    body = '{"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": ' + message + "}}"
    headers = {"authorization": f"Bearer {mesh.key}", "a2a-version": "1.0", "content-type": "application/json"}
    transport = httpx.ASGITransport(mesh.gateway.ingress)
    async with httpx.AsyncClient(transport=transport, base_url="http://mesh.test") as client:
        return (await client.post(f"/agents/{agent}", content=body, headers=headers)).json()


async def _sent(mesh: LocalMesh, names: dict[str, Any]) -> dict[str, list[str]]:
    head = ["| field | sent | pydantic | in the mesh |", "|---|---|---|---|"]
    found: dict[str, list[str]] = {name: list(head) for name in ("coerced", "agent", "filled", "both", "neither")}
    models = {text: model_of(names, text) for text in dict.fromkeys(row.model for row in SENT)}
    agents = {text: await _add(mesh, model) for text, model in models.items()}
    for row in SENT:
        alone, ours = validated(models[row.model], row.json), await judged(mesh, agents[row.model], row.json)
        told = "the same" if alone == ours else ours
        found[_group(alone, ours)].append(_row(_code(row.model), _code(row.json), alone, told))
    return found


def _group(alone: str, ours: str) -> str:
    takes = alone.startswith("takes")
    if ours.startswith("takes"):
        return "both" if takes else "filled"
    if ours.startswith("`INVALID_PARAMS`"):
        assert not takes, (alone, ours)
        return "agent"
    return "coerced" if takes else "neither"


async def _given(mesh: LocalMesh, names: dict[str, Any]) -> list[str]:
    rows = ["| field | the skill gives | the caller gets | with `--validate-output` |", "|---|---|---|---|"]
    for row in GIVEN:
        model = model_of(names, row.model)
        name = await _add(mesh, None, model.model_construct(x=eval(row.value, names)))
        plain = _answer(await _ask(mesh, name, '{"text": "go"}'))
        await _check_answers(mesh, f"{name}/give")
        checked = _answer(await _ask(mesh, name, '{"text": "go"}'))
        rows.append(_row(_code(row.model), _code(row.value), plain, "the same" if checked == plain else checked))
    return rows


async def _check_answers(mesh: LocalMesh, subject: str) -> None:
    """Let the gateway check the answers of a skill too, as ``meshgate schema set SUBJECT --validate-output`` does."""

    async def step(old: Subject) -> Subject:
        return replace(old, settings=replace(old.settings, validate_output=True))

    new, _ = await mesh.gateway.schemas.store.change(subject, step)
    news, catalogue = asyncio.Event(), mesh.gateway.schemas
    catalogue.on_change.append(lambda _: news.set())
    while catalogue.last(subject) != new:
        news.clear()
        await news.wait()


def _answer(answer: Any) -> str:
    if "error" in answer:
        reason = next(one["reason"] for one in answer["error"]["data"] if "reason" in one)
        return f"`{reason}`: {_CALL.sub('call ID', _NAME.sub('agents.shop.', answer['error']['message']))}"
    task = answer["result"]["task"]
    if "artifacts" in task:
        return f"`{json.dumps(task['artifacts'][0]['parts'][0]['data'])}`"
    status = task["status"]
    text = status["message"]["parts"][0]["text"] if "message" in status else ""
    return f"`{status['state']}`: {_CALL.sub('call ID', text)}"


_numbers = itertools.count(1)


async def _add(mesh: LocalMesh, takes: Any, gives: BaseModel | None = None) -> str:
    """Add an agent with a skill that takes a model, or gives a value; its name."""
    name = f"shop-{next(_numbers)}"
    agent = Agent(name, contracts="there-is-no-such.lock.json", environ={})

    async def take(value: Any) -> str:
        """Take it."""
        return _shown(value)

    async def give() -> Any:
        """Give it."""
        return gives

    take.__annotations__["value"] = takes
    give.__annotations__["return"] = type(gives)
    agent.skill(take if gives is None else give)
    await mesh.add(agent)
    return name


# -- the page


def _code(text: str) -> str:
    return f"`{text}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


async def _made(mesh: LocalMesh, names: dict[str, Any], annotations: tuple[str, ...]) -> list[str]:
    rows = ["| `x:` | in the contract | refused with |", "|---|---|---|"]
    told = [await written(mesh, model_of(names, f"x: {annotation}")) for annotation in annotations]
    return [*rows, *(_row(_code(annotation), *each) for annotation, each in zip(annotations, told, strict=True))]


async def find_tables() -> dict[str, list[str]]:
    """Every table of the page, by name, as a run gives it."""
    names = namespace()
    async with LocalMesh() as mesh:
        made = {name: await _made(mesh, names, annotations) for name, annotations in MADE.items()}
        return {**made, **await _sent(mesh, names), "given": await _given(mesh, names)}


_TABLE = re.compile(r"(<!-- measured: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with(found: dict[str, list[str]]) -> str:
    """The page with these tables."""
    return _TABLE.sub(lambda at: at[1] + "\n".join(found[at[2]]) + "\n" + at[3], PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page_with(asyncio.run(find_tables())), "utf-8")
