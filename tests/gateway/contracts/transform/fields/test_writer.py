"""Messages into JSON, and bytes."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

from meshgate.a2a.errors import SchemaViolation
from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.transform import CompiledContract
from tests.gateway.contracts.transform.build import EVERYTHING, contract, everything


def written(**fields: Any) -> Any:
    return everything().write_json(everything().message(**fields)).tree


def rule_of(of: CompiledContract, message: Any) -> tuple[str, str]:
    with pytest.raises(SchemaViolation) as caught:
        of.write_json(message)
    path, text = caught.value.violations[0]
    return path, text.rpartition("[")[2].rstrip("]")


def test_what_is_at_its_default_is_left_out_unless_it_was_set() -> None:
    assert written(a_int32=0, maybe_int32=0, a_string="", inner={}) == {"inner": {}, "maybeInt32": 0}


def test_values_are_written_as_protojson_has_them() -> None:
    fields = {
        "a_int64": -5,
        "by_large": {7: float("inf")},
        "a_float": 0.1,
        "a_bytes": b"\xff\xef",
        "by_truth": {True: "x"},
        "colours": [1, -1],
        "other_name": "o",
        "at": {"seconds": -1, "nanos": 5000},
        "span": {"seconds": -1, "nanos": -500_000_000},
    }
    assert written(**fields) == {
        "aFloat": 0.1,
        "aInt64": "-5",
        "aBytes": "/+8=",
        "colours": ["RED", "NEGATIVE"],
        "byTruth": {"true": "x"},
        "byLarge": {"7": "Infinity"},
        "at": "1969-12-31T23:59:59.000005Z",
        "span": "-1.500s",
        "Other": "o",
    }


def test_the_largest_float_is_written_such_that_every_reader_takes_it() -> None:
    largest = (2 - 2**-23) * 2.0**127
    tree = written(a_float=largest, many_doubles=[-largest])
    theirs: Any = json_format.ParseDict(tree, everything().message())
    assert theirs.a_float == largest
    assert everything().read_json(tree).message == everything().message(a_float=largest, many_doubles=[-largest])


@pytest.mark.requirement("mediation.json", "mediation.enum")
def test_a_number_without_a_name_falls_back_to_zeros_name_and_is_reported() -> None:
    message = everything().message(colour=77, inner={"back": {"colours": [1, 99]}}, colour_of={"k": 55})
    result = everything().write_json(message)
    assert result.tree["colour"] == "COLOUR_UNSPECIFIED"
    assert result.tree["inner"]["back"]["colours"] == ["RED", "COLOUR_UNSPECIFIED"]
    assert result.tree["colourOf"] == {"k": "COLOUR_UNSPECIFIED"}
    assert [each.path for each in result.fallbacks] == ["colour", "inner.back.colours[1]", 'colourOf["k"]']


def test_unknown_keys_go_back_to_their_places() -> None:
    tree: Any = {"x": 1, "inner": {"y": [2]}, "inners": [{}, {"z": None}], "byNumber": {"7": {"w": {}}}}
    reading = everything().read_json(tree)
    result = everything().write_json(reading.message, reading.unknown_keys)
    assert (result.tree, result.lost) == (tree, ())


@pytest.mark.requirement("mediation.leftovers")
def test_an_unknown_key_is_not_carried_to_where_it_means_a_field() -> None:
    old = contract("message A { string a = 1; B b = 2; } message B { string s = 1; }")
    new = contract("message A { string a = 1; B b = 2; int32 days_left = 3; } message B { string t = 1; }")
    reading = old.read_json({"a": "x", "daysLeft": "not a number", "days_left": {}, "b": {"t": 5, "u": 6}})
    message = new.read_bytes(old.write_bytes(reading.message))
    result = new.write_json(message, reading.unknown_keys)
    assert result.tree == {"a": "x", "b": {"u": 6}}
    assert sorted(each.key for each in result.lost) == ["daysLeft", "days_left", "t"]


@pytest.mark.parametrize(
    ("fields", "path", "rule"),
    [
        ({"value": {"number_value": float("nan")}}, "value", "proto.value"),
        ({"at": {"seconds": 2**60}}, "at", "proto.timestamp"),
        ({"at": {"nanos": -1}}, "at", "proto.timestamp"),
        ({"span": {"seconds": 1, "nanos": -1}}, "span", "proto.duration"),
        ({"mask": {"paths": ["A"]}}, "mask", "proto.field_mask"),
        ({"any": {"type_url": "x/no.Such"}}, "any", "proto.any"),
        ({"any": {"type_url": "x/p.Inner", "value": b"\xff"}}, "any", "proto.any"),
    ],
)
def test_what_has_no_json_form_is_refused_by_its_place(fields: dict[str, Any], path: str, rule: str) -> None:
    assert rule_of(everything(), everything().message(**fields)) == (path, rule)
    inner = everything().message(inner={"back": fields})
    assert rule_of(everything(), inner) == (f"inner.back.{path}", rule)


def test_text_that_is_no_utf8_is_refused_where_proto2_lets_it_through() -> None:
    old = contract("message A { optional string s = 1; map<string, int32> m = 2; }", syntax="proto2")
    assert rule_of(old, old.read_bytes(b"\x0a\x02\xff\xfe")) == ("s", "proto.string")
    assert rule_of(old, old.read_bytes(b"\x12\x06\x0a\x02\xff\xfe\x10\x01")) == ("m", "proto.string")


@pytest.mark.requirement("mediation.bounded")
def test_bytes_that_would_become_too_much_json_are_refused() -> None:
    small = contract(EVERYTHING, "Everything", limits=Limits(json_nodes=100))
    many = small.message(inners=[{}] * 101)
    assert rule_of(small, many)[1] == "json.nodes"
    with pytest.raises(SchemaViolation):
        small.write_plain(small.message(inners=[{}] * 60))
    assert len(small.write_json(small.message(many_int32=range(90))).tree["manyInt32"]) == 90


@pytest.mark.requirement("mediation.bounded")
def test_messages_nested_deeper_than_the_limit_are_not_written() -> None:
    data = b""
    for _ in range(40):
        data = b"\x22" + (bytes([len(data)]) if len(data) < 128 else bytes([len(data) % 128 + 128, 1])) + data
    deep = contract(EVERYTHING, "Inner")
    assert rule_of(deep, deep.read_bytes(data))[1] == "proto.depth"


def test_unknown_fields_are_kept_in_bytes() -> None:
    small = contract("message A { string a = 1; }")
    assert small.write_bytes(small.read_bytes(b"\x0a\x01x\x98\x06\x05")) == b"\x0a\x01x\x98\x06\x05"


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05x", b"\x72\x02\xff\xff"])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(SchemaViolation):
        everything().read_bytes(data)


@pytest.mark.requirement("mediation.json")
def test_64_bit_integers_are_text_unless_the_schema_asks_for_numbers() -> None:
    of = contract(
        """message A {
          int64 text = 1; int64 number = 2 [jstype = JS_NUMBER]; repeated uint64 numbers = 3 [jstype = JS_NUMBER];
        }"""
    )
    tree = of.write_json(of.read_json({"text": 5, "number": "-6", "numbers": [7, "8"]}).message).tree
    assert tree == {"text": "5", "number": -6, "numbers": [7, 8]}
