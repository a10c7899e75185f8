"""Whatever stands in a lock file, an agent either takes its numbers or refuses the file and leaves it as it is."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import enum
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import MeshError
from meshgate.registry.schemas import load_image
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadLock
from meshgate.sdk.schemas.lock.format import decode_lock, encode_lock
from tests.sdk.schemas.test_lock import GOOD

_T = TypeVar("_T")


class Unit(enum.StrEnum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Query(BaseModel):
    city: str
    unit: Unit = Unit.CELSIUS


class Forecast(BaseModel):
    temp_c: float
    steps: list[Query] = []


def agent(lock: Path, frozen: bool = False) -> Agent:
    made = Agent("weather", version="1.0.0", contracts=lock, environ={"MESHGATE_CONTRACTS": "frozen"} if frozen else {})

    @made.skill
    async def forecast(query: Query) -> Forecast:
        return Forecast(temp_c=0.0)

    return made


def written() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.json"
        agent(lock).lock()
        return lock.read_bytes()


def outcome(work: Callable[[], _T]) -> _T | MeshError:
    """What comes of it, or the refusal."""
    try:
        return work()
    except MeshError as error:
        return error


WHOLE = written()
NUMBERS = encode_lock(decode_lock(json.dumps(GOOD).encode(), "x"))

_SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, 4, 18_999, 19_000, 19_999, 20_000, 2**29 - 1, 2**29, -1, 10**40, 0.5, 1.0]),
    st.integers(),
    st.sampled_from(["", "city", "unit", "celsius", "Query", "3", "0x", "02", "a b", "\ud800", "é", "x" * 600]),
    st.text(max_size=6),
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)


def places(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree."""
    yield here
    inner: dict[Any, Any] = tree if is_object(tree) else dict(enumerate(tree)) if is_array(tree) else {}
    for key, value in inner.items():
        yield from places(value, (*here, key))


@st.composite
def _edited(draw: st.DrawFn, source: bytes) -> bytes:
    """The file after one to three edits of its tree."""
    tree = json.loads(source)
    for _ in range(draw(st.integers(1, 3))):
        there = [place for place in places(tree) if place]
        if not there:
            break
        *way, last = draw(st.sampled_from(there))
        holder = tree
        for key in way:
            holder = holder[key]
        how = draw(st.sampled_from(["replace", "remove", "add", "rename"]))
        if how == "replace":
            holder[last] = draw(_TREES)
        elif how == "remove":
            del holder[last]
        elif is_object(holder) and how == "add":
            holder[draw(st.sampled_from(["extra", "city", "9", "a b", "\ud800"]) | st.text(max_size=4))] = draw(_TREES)
        elif is_object(holder):
            holder[draw(st.sampled_from(["other", "kelvin", "temp_c", "1"]))] = holder.pop(last)
    return json.dumps(tree, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


@st.composite
def _cut(draw: st.DrawFn, source: bytes) -> bytes:
    """The file with a piece taken out, put in twice, or other bytes in its place."""
    start = draw(st.integers(0, len(source)))
    end = min(len(source), start + draw(st.integers(0, 12)))
    piece = draw(
        st.sampled_from([b"", source[start:end] * 2, b'"', b"{", b"}", b",", b"1", b"\xff"]) | st.binary(max_size=3)
    )
    return source[:start] + piece + source[end:]


@pytest.mark.requirement("contracts.spoilt")
@example(NUMBERS.replace(b'"Door"', b'"\xed\xa0\x80"'))
@example(NUMBERS.replace(b'"Door"', b'"\\ud800"'))
@given(st.one_of(_edited(NUMBERS), _cut(NUMBERS)))
@settings(max_examples=400, deadline=None)
def test_a_spoilt_file_is_refused_or_read_to_one_numbering(data: bytes) -> None:
    found = outcome(lambda: decode_lock(data, "lock.json"))
    if isinstance(found, MeshError):
        assert isinstance(found, BadLock)
        assert found.message.startswith("lock.json")
        return
    assert decode_lock(encode_lock(found), "x") == found
    for numbering in found.values():
        for first, each in [(1, one) for one in numbering.messages.values()] + [
            (0, one) for one in numbering.enums.values()
        ]:
            given = [*each.names.values(), *each.reserved]
            assert len(set(given)) == len(given)
            assert all(first <= number < each.next for number in given)


@pytest.mark.requirement("contracts.spoilt")
@given(st.one_of(_edited(WHOLE), _cut(WHOLE)))
@settings(max_examples=150, deadline=None)
@example(WHOLE)
@example(json.dumps({**json.loads(WHOLE), "releases": {"weather/forecast": 5}}).encode())
@example(json.dumps({**json.loads(WHOLE), "releases": 5}).encode())
@example(WHOLE.replace(b'"releases": {', b'"releases": {"a/b": ' + b"[" * 800 + b"]" * 800 + b", ", 1))
@example(WHOLE.replace(b'"releases": {', b'"releases": {"a/b": "\\ud800", ', 1))
@example(WHOLE.replace(b'"releases": {', b'"releases": {"a/b": NaN, ', 1))
@example(WHOLE.replace(b'"format": 1', b'"format": ' + b"1" * 5000, 1))
def test_an_agent_with_a_spoilt_file_keeps_its_numbers_or_does_not_start_and_leaves_the_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.json"
        lock.write_bytes(data)
        for frozen in (True, False):
            made = agent(lock, frozen)
            error = outcome(made.lock)
            if isinstance(error, MeshError):
                assert error.code in {"BAD_LOCK", "STALE_LOCK", "BAD_CONTRACT", "BAD_SCHEMA"}
                assert ": " in error.message
                assert lock.read_bytes() == data
                continue
            if frozen:
                assert lock.read_bytes() == data
            [image] = [load_image(one) for one in made.images()]
            kept = decode_lock(lock.read_bytes(), "x")["weather/forecast"]
            for name in ("Query", "Forecast"):
                fields = image.message(f"agents.weather.forecast.{name}").fields
                assert {field.name: field.number for field in fields} == kept.messages[name].names
        assert [each.name for each in Path(folder).iterdir()] == ["lock.json"]


def test_a_file_that_is_far_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    with lock.open("wb") as file:
        file.write(WHOLE)
        file.truncate(10 * 1024 * 1024)
    with pytest.raises(BadLock):
        agent(lock).lock()
    with lock.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(BadLock, match="bytes"):
        agent(lock).lock()
    assert lock.stat().st_size == 2**40
