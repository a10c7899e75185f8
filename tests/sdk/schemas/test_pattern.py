"""Patterns of pydantic's in contracts: a gateway's verdict is the model's, or the pattern is refused at the start."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import protovalidate
import pytest
from google.protobuf import message_factory
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import SchemaError

from meshgate.registry.schemas import BadSchema, load_image
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadContract
from meshgate.sdk.schemas.derive.pattern import contract_pattern
from tests.registry.schemas.build import compiled

pytestmark = pytest.mark.requirement("contracts.pattern")


def model_takes(pattern: str) -> Callable[[str], bool]:
    """The verdict of pydantic's; ValidationError's parent where the pattern is none."""
    adapter: TypeAdapter[BaseModel] = TypeAdapter(create_model("M", a=(str, Field(pattern=pattern))))

    def takes(text: str) -> bool:
        try:
            adapter.validate_python({"a": text})
        except ValidationError:
            return False
        return True

    return takes


def contract_takes(pattern: str) -> Callable[[str], bool]:
    """The verdict of protovalidate, which gateways check with."""
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    image = load_image(compiled(f'message A {{ string a = 1 [(buf.validate.field).string.pattern = "{quoted}"]; }}'))
    cls = message_factory.GetMessageClass(image.message("p.A"))
    validator = protovalidate.Validator()
    with contextlib.suppress(protovalidate.ValidationError):
        validator.validate(cls(a="x"))  # it compiles the pattern, or raises

    def takes(text: str) -> bool:
        try:
            validator.validate(cls(a=text))
        except protovalidate.ValidationError:
            return False
        return True

    return takes


@functools.cache
def both(pattern: str) -> tuple[Callable[[str], bool], Callable[[str], bool]]:
    return model_takes(pattern), contract_takes(contract_pattern(pattern, "M.a"))


CHARACTERS = "aZ09_-. \n\t\x0b\x85\xa0\u2028\u3000\u0130\u0131\u017f\u212aéßüÜ٣漢ñ\u0301\u200d👋"
ATOMS = st.sampled_from(
    [
        *("a", "Z", "0", "é", "ß", "漢", ".", r"\.", r"\-", r"\s", r"\S", r"\t", r"\n", r"\x41", r"\x{e9}"),
        *(
            "[a-z]",
            "[^a-z]",
            "[A-Z0-9_]",
            r"[\s_]",
            r"[^\s]",
            "[À-ž]",
            r"[\]\[]",
            "[[:alpha:]]",
            "[^[:digit:]]",
            "[a^]",
        ),
        *("(?i)", "(?s)", "(?m)", "(?i:", "^", "$", r"\A", r"\z", "(?P<n>", "(?<n>", "]", "}", "&&", "--"),
        *(r"\w", r"\d", r"\b", r"\W", r"\D", r"\B", r"\pL", r"\p{Nd}", r"\PN", "[a&&b]", "[a--b]", "[[a]b]", "[]a]"),
        *("{,3}", "{2}", "{1,3}", "{1,}", "*", "+", "?", "*?", "+?", "|", "(", "(?:", ")", "(?x)", "(?u)", "(?R)"),
    ]
)
PATTERNS = st.lists(ATOMS, min_size=1, max_size=6).map("".join)
TEXTS = st.text(st.sampled_from(CHARACTERS), max_size=6) | st.text(max_size=4)


@given(PATTERNS, st.lists(TEXTS, min_size=5, max_size=20))
@settings(max_examples=400)
def test_the_gateways_verdict_is_the_models_or_the_derivation_says_no(pattern: str, texts: list[str]) -> None:
    try:
        model, contract = both(pattern)
    except (SchemaError, BadContract, BadSchema, protovalidate.CompilationError):
        reject()  # it is no pattern to pydantic, none in a contract, or the derivation says no
    for text in texts:
        assert model(text) == contract(text), (pattern, text)


@pytest.mark.parametrize(
    "pattern", [r"^\s$", r"^\S$", r"^[\s_]$", r"^[^\s]$", "^.$", "(?i)^[a-z]$", "^[[:alpha:]]$", "^[^x]$"]
)
def test_every_character_is_judged_alike(pattern: str) -> None:
    model, contract = both(pattern)
    every = (chr(code) for code in range(0, 0x110000, 7) if not 0xD800 <= code <= 0xDFFF)
    low = (chr(code) for code in range(0x3100))
    assert [text for text in (*low, *every) if model(text) != contract(text)] == []


@pytest.mark.parametrize(
    ("pattern", "what", "instead"),
    [
        (r"^\w+$", r"\w", "[A-Za-z0-9_]"),
        (r"^[\w-]+$", r"\w", "[A-Za-z0-9_]"),
        (r"^\d{4}$", r"\d", "[0-9]"),
        (r"\W", r"\W", "[^A-Za-z0-9_]"),
        (r"\bword\b", r"\b", "(^|[^A-Za-z0-9_])"),
        (r"\Bord", r"\B", "[A-Za-z0-9_]"),
        (r"\p{L}", r"\p", "the characters or a range"),
        (r"[\S]", r"\S in brackets", "the characters that are meant"),
        ("[a-z&&[^aeiou]]", "&& in brackets", "one set"),
        ("[a--b]", "-- in brackets", "one set"),
        ("[[a]b]", "[ in brackets", r"\["),
        ("[]a]", "] as the first in brackets", r"\]"),
        ("[^]a]", "] as the first in brackets", r"\]"),
        ("a{,3}", "{,3}", "{0,3}"),
        ("(?x)a b", "(?x)", "without that flag"),
        (r"(?-u)\x41", "(?-u)", "without that flag"),
    ],
)
def test_what_means_something_else_is_refused_with_what_to_write(pattern: str, what: str, instead: str) -> None:
    with pytest.raises(BadContract) as refused:
        contract_pattern(pattern, "M.a")
    assert refused.value.problem == f"{what} means something else to pydantic than in a contract"
    assert instead in refused.value.remedy


@pytest.mark.parametrize(
    "pattern", [r"^\\w$", r"^\[\]$", "^[a^]$", r"^\\\.\-$", "^(?P<year>[0-9]{4})$", "a-b", "a&&b", "{", "é"]
)
def test_what_only_looks_like_it_passes_as_it_is(pattern: str) -> None:
    assert contract_pattern(pattern, "M.a") == pattern


def test_an_agent_with_such_a_model_does_not_start_and_names_the_field(tmp_path: object) -> None:
    class Query(BaseModel):
        city: str = Field(pattern=r"^\w+$")

    agent = Agent("weather", contracts=f"{tmp_path}/lock.json", environ={})

    async def forecast(query: Query) -> str:
        return query.city

    forecast.__annotations__["query"] = Query
    agent.skill(forecast)
    with pytest.raises(BadContract) as refused:
        agent.lock()
    assert refused.value.message == (
        r"skill forecast, Query.city: \w means something else to pydantic than in a contract: write [A-Za-z0-9_]"
    )
