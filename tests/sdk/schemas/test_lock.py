"""The lock file: a number belongs to one name for ever; a file that was spoilt by hand is refused and left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from meshgate.sdk import Agent, Migration
from meshgate.sdk.contracts import BadContract, BadLock
from meshgate.sdk.schemas.derive.image_builder import VALUES, build_image
from meshgate.sdk.schemas.derive.shapes import Element, EnumShape, Field, MessageShape, Shapes
from meshgate.sdk.schemas.lock.assignment import assign, following
from meshgate.sdk.schemas.lock.format import decode_lock, encode_lock
from meshgate.sdk.schemas.lock.lockfile import locked, read_lock, write_lock
from meshgate.sdk.schemas.lock.numbers import LAST, Numbering, Numbers


class Order(BaseModel):
    item: str


def shapes(*names: str, renamed: dict[str, str] | None = None, values: tuple[str, ...] = ()) -> Shapes:
    """A message M with these fields, and an enum E."""
    fields = tuple(Field(name, name, Element("string"), renamed_from=(renamed or {}).get(name, "")) for name in names)
    return Shapes({"M": MessageShape("M", fields)}, {"E": EnumShape("E", values)} if values else {})


def numbers(*steps: Shapes) -> Numbers:
    """The numbers of M after these steps."""
    known = Numbering()
    for step in steps:
        known = assign(known, step)
    return known.messages["M"]


# -- numbers


@pytest.mark.requirement("contracts.lock")
@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=8))
@settings(deadline=None)
def test_a_number_is_never_given_to_a_second_field_whatever_comes_and_goes(steps: list[list[str]]) -> None:
    known, before = Numbering(), dict[str, int]()
    owners: dict[int, str] = {}
    for step in steps:
        known = assign(known, shapes(*step))
        made = known.messages["M"]
        assert set(made.names) == set(step)
        assert len({*made.names.values(), *made.reserved}) == len(made.names) + len(made.reserved) == made.next - 1
        for name, number in made.names.items():
            assert owners.setdefault(number, name) == name
            assert before.get(name, number) == number
        assert owners.items() >= made.reserved.items()
        before = made.names
        assert decode_lock(encode_lock({"a/b": known}), "x") == {"a/b": known}
        assert set(build_image("p", shapes(*step), known).message("p.M").fields_by_name) == set(step)


def test_new_fields_get_the_next_numbers_in_the_order_of_their_declaration() -> None:
    assert numbers(shapes("b"), shapes("c", "b", "a")).names == {"b": 1, "c": 2, "a": 3}


@pytest.mark.requirement("contracts.lock")
def test_a_removed_field_leaves_its_number_and_its_name_reserved() -> None:
    known = assign(assign(Numbering(), shapes("a", "b")), shapes("a"))
    assert known.messages["M"] == Numbers({"a": 1}, 3, {2: "b"})
    from google.protobuf.descriptor_pb2 import DescriptorProto

    proto = DescriptorProto()
    build_image("p", shapes("a"), known).message("p.M").CopyToProto(proto)
    assert [(each.start, each.end) for each in proto.reserved_range] == [(2, 3)]
    assert list(proto.reserved_name) == ["b"]


def test_a_field_that_comes_back_gets_another_number() -> None:
    assert numbers(shapes("a", "b"), shapes("a"), shapes("a", "b")) == Numbers({"a": 1, "b": 3}, 4, {2: "b"})


@pytest.mark.requirement("contracts.lock")
def test_a_renamed_field_keeps_its_number_and_the_mark_may_stay() -> None:
    renamed = shapes("new", "b", renamed={"new": "old"})
    assert numbers(shapes("old", "b"), renamed) == numbers(shapes("old", "b"), renamed, renamed)
    assert numbers(shapes("old", "b"), renamed) == Numbers({"b": 2, "new": 1}, 3, {})


@pytest.mark.parametrize("steps", [[("old",), ("old", "new"), ("new",)], [("old",), (), ("new",)]])
def test_a_rename_that_comes_too_late_is_refused(steps: list[tuple[str, ...]]) -> None:
    *before, last = steps
    known = Numbering()
    for step in before:
        known = assign(known, shapes(*step))
    with pytest.raises(BadContract):
        assign(known, shapes(*last, renamed={"new": "old"}))


def test_numbers_step_over_those_that_protobuf_keeps() -> None:
    assert (following(18_998), following(18_999), following(20_000)) == (18_999, 20_000, 20_001)


# -- enums


def test_the_first_value_of_an_enum_is_zero_and_has_to_stay() -> None:
    known = assign(Numbering(), shapes(values=("low", "high")))
    assert known.enums["E"].names == {"low": 0, "high": 1}
    more = assign(known, shapes(values=("top", "low")))
    assert more.enums["E"] == Numbers({"low": 0, "top": 2}, 3, {1: "high"})
    enum = build_image("p", shapes(values=("top", "low")), more).message("p.E").enum_types_by_name[VALUES]
    assert [value.name for value in enum.values] == ["low", "top"]
    with pytest.raises(BadContract):
        assign(known, shapes(values=("high",)))


@pytest.mark.parametrize("values", [("in-progress", "done"), ("low", "LOW"), ("1", "2"), ("a", "")])
def test_values_that_are_no_names_stay_texts_for_ever(values: tuple[str, ...]) -> None:
    known = assign(Numbering(), shapes(values=values))
    assert known.texts == ("E",)
    assert assign(known, shapes(values=("fine",))).texts == ("E",)


def test_an_enum_takes_no_value_that_is_no_name() -> None:
    with pytest.raises(BadContract):
        assign(assign(Numbering(), shapes(values=("low",))), shapes(values=("low", "very-low")))


# -- the file


LONG = "a" * 512
GOOD: dict[str, Any] = {
    "format": 1,
    "contracts": {
        "shop/price": {
            "enums": {"E": {"names": {"low": 0}, "next": 1, "reserved": {}}},
            "messages": {"M": {"names": {"a": 1, "b": 2}, "next": 4, "reserved": {"3": "c"}}},
            "texts": ["Door"],
        }
    },
}


def entry(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = tree["contracts"]["shop/price"]["messages"]["M"]
    return found


def spoilt(change: Callable[[dict[str, Any]], Any]) -> bytes:
    tree = json.loads(json.dumps(GOOD))
    change(tree)
    return json.dumps(tree).encode()


SPOILT: dict[str, bytes] = {
    "cut off": encode_lock(decode_lock(json.dumps(GOOD).encode(), "x"))[:-40],
    "merged": b'{"format": 1,\n<<<<<<< HEAD\n"contracts": {}}',
    "not text": b"\xff\xfe",
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "of a later format": spoilt(lambda tree: tree.update(format=2)),
    "of no format": spoilt(lambda tree: tree.pop("format")),
    "with more in it": spoilt(lambda tree: tree.update(hello=1)),
    "without contracts": spoilt(lambda tree: tree.pop("contracts")),
    "two fields of one number": spoilt(lambda tree: entry(tree)["names"].update(b=1)),
    "a number that is reserved": spoilt(lambda tree: entry(tree)["names"].update(b=3)),
    "the number nought": spoilt(lambda tree: entry(tree)["names"].update(b=0)),
    "a number that is too high": spoilt(lambda tree: entry(tree)["names"].update(b=LAST + 1)),
    "protobuf's own number": spoilt(lambda tree: entry(tree).update(names={"a": 19_000}, next=20_001, reserved={})),
    "a number that is not given yet": spoilt(lambda tree: entry(tree)["names"].update(b=9)),
    "a number that is text": spoilt(lambda tree: entry(tree)["names"].update(b="2")),
    "a number that is true": spoilt(lambda tree: entry(tree)["names"].update(a=True)),
    "a reservation taken out": spoilt(lambda tree: entry(tree)["reserved"].clear()),
    "a field taken out": spoilt(lambda tree: entry(tree)["names"].pop("b")),
    "a reservation without a number": spoilt(lambda tree: entry(tree)["reserved"].update(x="y")),
    "a reservation without a name": spoilt(lambda tree: entry(tree)["reserved"].update({"3": 3})),
    "no next": spoilt(lambda tree: entry(tree).pop("next")),
    "a next that is far": spoilt(lambda tree: entry(tree).update(next=10**12)),
    "texts that are none": spoilt(lambda tree: tree["contracts"]["shop/price"].update(texts=[1])),
    "no number under a long name": spoilt(lambda tree: entry(tree)["names"].update({LONG: {LONG: None}})),
    "a long name for a number that is taken": spoilt(lambda tree: entry(tree)["names"].update({LONG: 1})),
    "a long reservation of a number that is used": spoilt(
        lambda tree: entry(tree).update(names={LONG: 1, "b": 2}, reserved={"2": LONG})
    ),
    "more in it under a long name": spoilt(lambda tree: tree.update({LONG: 1})),
    "a long name that is none": spoilt(lambda tree: entry(tree)["names"].update({LONG + "-": 1})),
    "a long enum that is text": spoilt(
        lambda tree: tree["contracts"]["shop/price"].update(enums={LONG: None}, texts=[LONG])
    ),
    "a reservation taken out of a long type": spoilt(
        lambda tree: tree["contracts"]["shop/price"].update(
            messages={LONG: {"names": {"a": 1}, "next": 4, "reserved": {}}}
        )
    ),
    "one key twice": json.dumps(GOOD).replace('"b": 2', '"a": 2').encode(),
}


@pytest.mark.requirement("contracts.lock")
@pytest.mark.parametrize("what", SPOILT)
def test_a_file_that_was_spoilt_is_refused_with_the_place_and_the_remedy(what: str) -> None:
    with pytest.raises(BadLock) as caught:
        decode_lock(SPOILT[what], "contracts.lock.json")
    message = caught.value.message
    assert message.startswith("contracts.lock.json")
    assert message.count(": ") >= 2
    assert len(message) <= 200


def test_the_message_names_the_line_of_what_is_no_json_and_the_entry_of_what_is_wrong() -> None:
    with pytest.raises(BadLock, match="line 2"):
        decode_lock(SPOILT["merged"], "x")
    with pytest.raises(BadLock, match=r"shop/price\.messages\.M\.names\.b"):
        decode_lock(SPOILT["two fields of one number"], "x")


def test_the_file_is_written_in_one_order_so_that_differences_can_be_read() -> None:
    contracts = decode_lock(json.dumps(GOOD).encode(), "x")
    more = {"z/z": Numbering(), **contracts, "a/a": Numbering()}
    text = encode_lock(more)
    assert text == encode_lock(dict(reversed(more.items())))
    assert list(json.loads(text)["contracts"]) == ["a/a", "shop/price", "z/z"]
    assert text.count(b"\n") > 20
    assert text.endswith(b"}\n")


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "contracts.lock.json"
    assert read_lock(path) == {}
    contracts = decode_lock(json.dumps(GOOD).encode(), "x")
    with locked(path):
        write_lock(path, contracts)
    path.chmod(0o640)
    write_lock(path, contracts)
    assert read_lock(path) == contracts
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["contracts.lock.json"]


def test_a_link_to_a_lock_file_stays_one(tmp_path: Path) -> None:
    contracts = decode_lock(json.dumps(GOOD).encode(), "x")
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "lock.json", tmp_path / "lock.json"
    link.symlink_to(real)
    write_lock(link, {})
    write_lock(link, contracts)
    assert link.is_symlink()
    assert read_lock(real) == contracts
    assert [each.name for each in (tmp_path / "real").iterdir()] == ["lock.json"]


@pytest.mark.requirement("contracts.lock")
@pytest.mark.parametrize("migrations", [(), (Migration("^1", {"count": "1"}),)])
def test_a_file_that_is_current_is_not_written_again(tmp_path: Path, migrations: tuple[Migration, ...]) -> None:
    path = tmp_path / "lock.json"
    written: list[tuple[int, bytes]] = []
    for _ in range(2):
        agent = Agent("shop", version="2.0.0", contracts=path, environ={})

        @agent.skill(migrations=migrations)
        async def price(order: Order) -> str:
            return ""

        agent.lock()
        written.append((path.stat().st_ino, path.read_bytes()))
    assert written[0] == written[1]


@pytest.mark.requirement("contracts.lock")
def test_agents_that_start_at_once_share_a_lock_file_and_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"

    def start(name: str) -> None:
        agent = Agent(name, contracts=path, environ={})

        @agent.skill
        async def price(order: Order) -> str:
            return ""

        agent.lock()

    names = [f"shop{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, names))
    assert set(read_lock(path)) == {f"{name}/price" for name in names}


def test_a_folder_that_is_not_there_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadLock), locked(tmp_path / "no" / "lock.json"):
        pass
    with pytest.raises(BadLock):
        read_lock(tmp_path)
    with pytest.raises(BadLock):
        write_lock(tmp_path / "no" / "lock.json", {})
