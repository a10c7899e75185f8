"""Messages between releases: what numbers alone do, and what becomes of what the other release does not know."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meshgate.a2a.errors import ConversionFailed
from meshgate.gateway.contracts.transform import CompiledContract, Converter, TypedPart, convert_part
from meshgate.registry.schemas import Image, load_image
from tests.gateway.contracts.transform.build import contract
from tests.gateway.contracts.transform.test_properties import both, breaches, pairs
from tests.gateway.contracts.transform.values import messages, same
from tests.registry.schemas.values import shared

SOME = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
INTS = {
    **dict.fromkeys(("int32", "sint32", "sfixed32"), 2**31 - 1),
    **dict.fromkeys(("int64", "sint64", "sfixed64"), 2**63 - 1),
    **dict.fromkeys(("uint32", "fixed32"), 2**32 - 1),
    **dict.fromkeys(("uint64", "fixed64"), 2**64 - 1),
}
"""The integer types and the greatest value of each."""


def between(old: str, new: str, value: Any, label: str = "") -> Any:
    """What field ``f`` of one type becomes in the other type; None if it is not there."""
    source, target = (contract(f"message A {{ {label} {kind} f = 1; }}") for kind in (old, new))
    made: Any = Converter(source, target).convert(source.message(f=value))
    return made.f if made.ListFields() else None


@pytest.mark.parametrize("new", INTS)
@pytest.mark.parametrize("old", INTS)
@pytest.mark.requirement("mediation.convert")
def test_between_integers_a_value_arrives_or_is_refused_by_name(old: str, new: str) -> None:
    most = {"old": INTS[old], "new": INTS[new]}
    assert between(old, new, 7) == 7
    assert between(old, new, min(most.values())) == min(most.values())
    if most["old"] > most["new"]:
        with pytest.raises(ConversionFailed) as caught:
            between(old, new, most["old"])
        assert [path for path, _ in caught.value.violations] == ["f"]
    if not old.startswith(("u", "f")):
        if new.startswith(("u", "f")):
            with pytest.raises(ConversionFailed):
                between(old, new, -1)
        else:
            assert between(old, new, -1) == -1


@pytest.mark.parametrize(
    ("old", "new", "value", "result"),
    [
        ("int32", "double", -7, -7.0),
        ("int64", "double", 2**53, 2.0**53),
        ("uint64", "float", 2**24, 2.0**24),
        ("float", "double", 0.1, 0.1),
        ("float", "double", float("inf"), float("inf")),
        ("string", "bytes", "é", b"\xc3\xa9"),
        ("bytes", "string", b"\xc3\xa9", "é"),
        ("bool", "int32", True, 1),
        ("int32", "bool", 1, True),
        ("string", "int32", "7", None),
        ("double", "int32", 7.0, None),
        ("double", "float", 0.5, None),
        ("int32", "string", 7, None),
    ],
)
@pytest.mark.requirement("mediation.convert")
def test_between_other_types_a_value_arrives_or_is_left_to_a_migration(
    old: str, new: str, value: Any, result: Any
) -> None:
    assert between(old, new, value) == result
    assert list(between(old, new, [value], "repeated") or []) == ([] if result is None else [result])
    source, target = (contract(f"message A {{ {kind} f = 1; }}") for kind in (old, new))
    assert Converter(source, target).lost == (() if result is not None else ("p.A.f",))


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [("int32", "bool", 2), ("bytes", "string", b"\xff"), ("int64", "double", 2**53 + 1), ("int32", "float", 2**24 + 1)],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(old: str, new: str, value: Any) -> None:
    body = "message A {{ repeated B b = 1; map<string, B> m = 2; }} message B {{ {} f = 1; }}"
    source, target = (contract(body.format(kind)) for kind in (old, new))
    for fields, path in (({"b": [{}, {"f": value}]}, "b[1].f"), ({"m": {"k": {"f": value}}}, 'm["k"].f')):
        with pytest.raises(ConversionFailed) as caught:
            Converter(source, target).convert(source.message(**fields))
        assert [place for place, _ in caught.value.violations] == [path]


def test_a_single_value_becomes_a_list_of_one_and_a_list_no_single_value() -> None:
    one, many = contract("message A { int32 f = 1; }"), contract("message A { repeated int32 f = 1; }")
    made: Any = Converter(one, many).convert(one.message(f=7))
    assert list(made.f) == [7]
    back = Converter(many, one)
    assert back.lost == ("p.A.f",)
    assert back.convert(many.message(f=[7])) == one.message()


NESTED_OLD = """message A { string s = 1; B one = 2; repeated B many = 3; map<string, B> table = 4; }
message B { string t = 1; }"""
NESTED_NEW = """message A { string s = 1; B one = 2; repeated B many = 3; map<string, B> table = 4; int32 extra = 9; }
message B { string t = 1; repeated string more = 7; C c = 8; } message C { double d = 1; }"""
INNER = {"t": "t", "more": ["x", "y"], "c": {"d": 0.5}}
FULL = {"s": "s", "one": INNER, "many": [INNER, {"t": "u"}, INNER], "table": {"k": INNER}, "extra": 7}


@pytest.mark.requirement("mediation.convert", "mediation.leftovers")
def test_fields_that_a_release_does_not_know_pass_through_it_on_the_wire() -> None:
    old, new = contract(NESTED_OLD), contract(NESTED_NEW)
    message = new.message(**FULL)
    through = Converter(new, old).convert(message)
    assert through.ListFields()
    assert Converter(old, new).convert(through) == message
    relayed = old.read_bytes(old.write_bytes(through))
    assert new.read_bytes(old.write_bytes(relayed)) == message


@pytest.mark.requirement("mediation.leftovers")
def test_keys_that_a_release_does_not_know_pass_through_it_in_json() -> None:
    old, new = contract(NESTED_OLD), contract(NESTED_NEW)
    unknown = {"mine": [1, {"deep": None}], "Ünknown key": "v"}
    inner = {**INNER, **unknown}
    tree = {"s": "s", "one": inner, "many": [inner, {}, inner], "table": {"k": inner}, "extra": 7, **unknown}
    for source, target in ((new, new), (new, old), (old, new), (old, old)):
        given = tree
        if source is old:  # what only the new release calls a field must not become one unchecked
            inner_old = {"t": "t", **unknown}
            given = {"s": "s", "one": inner_old, "many": [inner_old, {}], "table": {"k": inner_old}, **unknown}
        reading = source.read_json(given)
        result = target.write_json(Converter(source, target).convert(reading.message), reading.unknown_keys)
        assert result.lost == ()
        for place in (result.tree, result.tree["one"], result.tree["many"][0], result.tree["table"]["k"]):
            assert {key: place[key] for key in unknown} == unknown


def leads_back(source: CompiledContract, target: CompiledContract, message: Message) -> None:
    """There and back a message is what it was, as far as both releases have its fields."""
    there = Converter(source, target).convert(message)
    back = Converter(target, source).convert(there)
    assert shared(message, there) == []
    assert shared(message, back) == []
    again = Converter(source, target).convert(back)
    assert target.write_bytes(again) == target.write_bytes(there)


@SOME
@given(st.data(), st.integers(0, 299), st.booleans())
@pytest.mark.requirement("mediation.convert")
def test_there_and_back_keeps_what_two_compatible_releases_share(
    data: st.DataObject, number: int, new_first: bool
) -> None:
    assume(not any(each.form in ("wire", "both") for each in breaches(number)))
    old, new = both(number)
    source, target = (new, old) if new_first else (old, new)
    leads_back(source, target, data.draw(messages(source.descriptor)))


@SOME
@given(st.data(), st.integers(0, 299), st.booleans())
@pytest.mark.requirement("mediation.convert")
def test_in_json_too_there_and_back_keeps_what_two_compatible_releases_share(
    data: st.DataObject, number: int, new_first: bool
) -> None:
    # JSON renames and enum names are what the gateway makes up for.
    assume(not any(each.form in ("wire", "both") for each in breaches(number)))
    old, new = both(number)
    source, target = (new, old) if new_first else (old, new)
    message = data.draw(messages(source.descriptor))
    tree = source.write_json(message).tree
    there = convert_part(TypedPart("input", "p", "json", "", tree), Converter(source, target), check=False)
    assert shared(message, target.read_json(there.part.value).message) == [] or there.fallbacks
    back = convert_part(there.part, Converter(target, source), check=False)
    kept = source.read_json(back.part.value).message
    assert shared(target.read_json(there.part.value).message, kept) == [] or back.fallbacks


@SOME
@given(st.data(), st.integers(0, 299), st.binary(max_size=6))
@pytest.mark.requirement("mediation.leftovers")
def test_fields_that_neither_release_knows_survive_the_way_there_and_back(
    data: st.DataObject, number: int, value: bytes
) -> None:
    old, new = both(number)
    message: Any = data.draw(messages(old.descriptor))
    tag = 900 << 3 | 2
    message.MergeFromString(bytes([tag & 0x7F | 0x80, tag >> 7, len(value)]) + value)
    try:
        back = Converter(new, old).convert(Converter(old, new).convert(message))
    except ConversionFailed:
        return
    unknown: Any = UnknownFieldSet(back)
    assert [each.data for each in unknown if each.field_number == 900] == [value]


@SOME
@given(st.data(), st.integers(0, 299))
@pytest.mark.requirement("mediation.convert")
def test_a_conversion_to_the_same_release_changes_nothing(data: st.DataObject, number: int) -> None:
    old, _ = both(number)
    again = CompiledContract(old_image(number), old.type_name, "9.9.9")
    message = data.draw(messages(old.descriptor))
    converter = Converter(old, again)
    assert converter.identity
    assert converter.lost == ()
    assert again.write_bytes(converter.convert(message)) == old.write_bytes(message)
    assert same(again.write_json(converter.convert(message)).tree, old.write_json(message).tree)


def old_image(number: int) -> Image:
    return load_image(FileDescriptorSet(file=[pairs()[number].old]).SerializeToString())


@pytest.mark.requirement("mediation.enum")
def test_an_enum_value_that_only_the_other_release_names_falls_back_in_json_and_survives_on_the_wire() -> None:
    body = "message A {{ E e = 1; repeated E many = 2; map<string, E> table = 3; }} enum E {{ NONE = 0; ONE = 1; {} }}"
    old, new = contract(body.format("")), contract(body.format("TWO = 2;"))
    message = new.message(e=2, many=[1, 2], table={"k": 2})
    there: Any = Converter(new, old).convert(message)
    result = old.write_json(there)
    assert result.tree == {"e": "NONE", "many": ["ONE", "NONE"], "table": {"k": "NONE"}}
    assert [each.path for each in result.fallbacks] == ["e", "many[1]", 'table["k"]']
    assert Converter(old, new).convert(there) == message
    assert new.read_bytes(old.write_bytes(there)) == message


def objects(tree: Any, scope: Descriptor) -> list[dict[str, Any]]:
    """The objects of a JSON value that are messages of the schema, and so may have keys that it does not know."""
    found = [tree]
    for field in scope.fields:
        kind: Descriptor | None = field.message_type
        held = tree.get(field.json_name)
        if kind is None or held is None:
            continue
        if kind.GetOptions().map_entry:
            inner: Descriptor | None = kind.fields_by_name["value"].message_type
            found += [one for item in held.values() for one in (objects(item, inner) if inner is not None else [])]
        else:
            found += [one for item in (held if field.is_repeated else [held]) for one in objects(item, kind)]
    return found


@SOME
@given(st.data(), st.integers(0, 299), st.booleans())
@pytest.mark.requirement("mediation.leftovers")
def test_unknown_keys_anywhere_survive_a_conversion_where_their_object_does(
    data: st.DataObject, number: int, new_first: bool
) -> None:
    assume(not any(each.form in ("wire", "both") for each in breaches(number)))
    old, new = both(number)
    source, target = (new, old) if new_first else (old, new)
    tree = source.write_json(data.draw(messages(source.descriptor))).tree
    places = objects(tree, source.descriptor)
    for index, place in enumerate(places):
        place["~mine"] = {"at": index, "list": [None, {"deep": index}]}
    there = convert_part(TypedPart("input", "p", "json", "", tree), Converter(source, target), check=False)
    kept = [place["~mine"]["at"] for place in objects(there.part.value, target.descriptor) if "~mine" in place]
    lost = [each.value["at"] for each in there.lost]
    assert sorted(kept + lost) == list(range(len(places)))
    reached = objects(there.part.value, target.descriptor)
    assert len(kept) == len(reached)
    back = convert_part(there.part, Converter(target, source), check=False)
    again = [place["~mine"] for place in objects(back.part.value, source.descriptor) if "~mine" in place]
    assert sorted(each["at"] for each in again) == sorted(kept)
    assert all(each["list"] == [None, {"deep": each["at"]}] for each in again)
