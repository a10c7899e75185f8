"""JSON into messages: what is taken, what is refused, and where it is said to be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.a2a.errors import SchemaViolation
from meshgate.gateway.contracts.transform import CompiledContract
from meshgate.registry.schemas import BadSchema
from tests.gateway.contracts.transform.build import contract, everything


def refused(tree: Any, of: CompiledContract | None = None) -> list[tuple[str, str]]:
    """Place and rule of each violation."""
    with pytest.raises(SchemaViolation) as caught:
        (of or everything()).read_json(tree)
    return [(path, text.rpartition("[")[2].rstrip("]")) for path, text in caught.value.violations]


def read(tree: Any) -> Any:
    return everything().read_json(tree).message


@pytest.mark.parametrize(
    ("tree", "name", "value"),
    [
        ({"aInt32": 7}, "a_int32", 7),
        ({"a_int32": 7}, "a_int32", 7),
        ({"Other": "x"}, "other_name", "x"),
        ({"other_name": "x"}, "other_name", "x"),
        ({"aInt64": "-9223372036854775808"}, "a_int64", -(2**63)),
        ({"aInt64": 5}, "a_int64", 5),
        ({"aInt32": 1e5}, "a_int32", 100_000),
        ({"aUint64": "18446744073709551615"}, "a_uint64", 2**64 - 1),
        ({"colour": "RED"}, "colour", 1),
        ({"colour": 77}, "colour", 77),
        ({"colour": "2"}, "colour", 2),
        ({"aBytes": "_-8="}, "a_bytes", b"\xff\xef"),
        ({"aBytes": "/+8"}, "a_bytes", b"\xff\xef"),
        ({"aDouble": "-Infinity"}, "a_double", float("-inf")),
        ({"aDouble": "1.5e3"}, "a_double", 1500.0),
        ({"aDouble": 3}, "a_double", 3.0),
        ({"aString": None}, "a_string", ""),
        ({"aBool": True}, "a_bool", True),
    ],
)
@pytest.mark.requirement("mediation.json")
def test_each_spelling_that_protojson_allows_is_taken(tree: Any, name: str, value: Any) -> None:
    assert getattr(read(tree), name) == value


REFUSED: list[tuple[Any, str, str]] = [
    ({"aInt32": "x"}, "aInt32", "json.int32"),
    ({"aInt32": 1.5}, "aInt32", "json.int32"),
    ({"aInt32": True}, "aInt32", "json.int32"),
    ({"aInt32": 2**31}, "aInt32", "json.int32"),
    ({"aInt32": "1_0"}, "aInt32", "json.int32"),
    ({"aInt32": " 1"}, "aInt32", "json.int32"),
    ({"aInt32": "٣"}, "aInt32", "json.int32"),
    ({"aUint64": -1}, "aUint64", "json.uint64"),
    ({"aDouble": True}, "aDouble", "json.double"),
    ({"aDouble": "nan"}, "aDouble", "json.double"),
    ({"aDouble": "1e999"}, "aDouble", "json.double"),
    ({"aDouble": 10**400}, "aDouble", "json.double"),
    ({"aDouble": float("nan")}, "aDouble", "json.double"),
    ({"aFloat": 1e39}, "aFloat", "json.float"),
    ({"aBool": "true"}, "aBool", "json.bool"),
    ({"aBool": 1}, "aBool", "json.bool"),
    ({"aString": 1}, "aString", "json.string"),
    ({"aString": "\ud800"}, "aString", "json.value"),
    ({"aBytes": "a*b="}, "aBytes", "json.bytes"),
    ({"aBytes": "ä"}, "aBytes", "json.bytes"),
    ({"colour": "BLUE"}, "colour", "json.enum"),
    ({"colour": 1.5}, "colour", "json.enum"),
    ({"colour": 2**31}, "colour", "json.enum"),
    ({"colour": True}, "colour", "json.enum"),
    ({"inner": []}, "inner", "json.object"),
    ({"inners": {}}, "inners", "json.array"),
    ({"inners": [{}, None]}, "inners[1]", "json.null"),
    ({"inners": [{"number": "a"}]}, "inners[0].number", "json.int32"),
    ({"manyInt32": [1, None, 3]}, "manyInt32[1]", "json.int32"),
    ({"manyStrings": "abc"}, "manyStrings", "json.array"),
    ({"byName": {"a": None}}, 'byName["a"]', "json.null"),
    ({"byName": []}, "byName", "json.object"),
    ({"byNumber": {"x": {}}}, 'byNumber["x"]', "json.int32"),
    ({"byNumber": {"1": {"name": 1}}}, 'byNumber["1"].name', "json.string"),
    ({"byNumber": {"1": {}, "01": {}}}, 'byNumber["01"]', "json.twice"),
    ({"byTruth": {"True": "x"}}, 'byTruth["True"]', "json.bool"),
    ({"chosenString": "a", "chosenInt32": 1}, "chosenInt32", "json.oneof"),
    ({"at": "2026-02-30T00:00:00Z"}, "at", "json.timestamp"),
    ({"at": "2026-01-01 00:00:00Z"}, "at", "json.timestamp"),
    ({"at": "2026-01-01T00:00:00"}, "at", "json.timestamp"),
    ({"at": "0001-01-01T00:00:00+01:00"}, "at", "json.timestamp"),
    ({"at": "2026-01-01T00:00:00+25:00"}, "at", "json.timestamp"),
    ({"at": 5}, "at", "json.timestamp"),
    ({"span": "1"}, "span", "json.duration"),
    ({"span": "315576000001s"}, "span", "json.duration"),
    ({"mask": "a_b"}, "mask", "json.field_mask"),
    ({"mask": 1}, "mask", "json.field_mask"),
    ({"object": []}, "object", "json.object"),
    ({"list": {}}, "list", "json.array"),
    ({"value": b"x"}, "value", "json.value"),
    ({"object": {"a": [float("inf")]}}, 'object["a"][0]', "json.double"),
    ({"any": {"a": 1}}, "any", "json.any"),
    ({"any": {"@type": "type.googleapis.com/no.Such"}}, "any", "json.any"),
    ({"any": {"@type": "p.Inner"}}, "any", "json.any"),
    ({"any": {"@type": "x/p.Inner", "number": "y"}}, "any.number", "json.int32"),
    ({"any": {"@type": "x/google.protobuf.Duration"}}, "any", "json.any"),
    ({"wrapped": "x"}, "wrapped", "json.int64"),
    ({"empty": []}, "empty", "json.object"),
    ([], "", "json.object"),
    (None, "", "json.object"),
]


@pytest.mark.parametrize(("tree", "path", "rule"), REFUSED)
@pytest.mark.requirement("mediation.json", "mediation.violations")
def test_a_wrong_value_is_named_with_its_place_and_its_rule(tree: Any, path: str, rule: str) -> None:
    assert refused(tree) == [(path, rule)]


def test_one_field_in_two_spellings_is_refused() -> None:
    assert ("aInt32", "json.twice") in refused({"aInt32": 1, "a_int32": 2})


def test_null_is_a_value_where_values_are_json_and_absent_elsewhere() -> None:
    message = read({"value": None, "values": [None, 1], "inner": None, "wrapped": None, "valueOf": {"a": None}})
    assert message.value.HasField("null_value")
    assert [each.WhichOneof("kind") for each in message.values] == ["null_value", "number_value"]
    assert message.value_of["a"].HasField("null_value")
    assert not message.HasField("inner")
    assert not message.HasField("wrapped")


def test_null_leaves_a_oneof_to_its_other_member() -> None:
    assert read({"chosenString": None, "chosenInt32": 1}).chosen_int32 == 1


@pytest.mark.requirement("mediation.violations")
def test_every_error_is_counted_and_a_bounded_number_of_them_told() -> None:
    with pytest.raises(SchemaViolation) as caught:
        everything().read_json({"manyInt32": ["x"] * 40, "aBool": 1})
    assert len(caught.value.violations) == 16
    assert caught.value.metadata["violations"] == "41"
    assert caught.value.metadata["contract"] == "p.Everything 1.0.0"


def test_what_an_error_repeats_of_a_caller_is_bounded() -> None:
    with pytest.raises(SchemaViolation) as caught:
        everything().read_json({"byName": {"k" * 10_000: "x"}, "colour": "z" * 10_000})
    assert all(len(path) + len(text) < 500 for path, text in caught.value.violations)


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(depth):
        tree = {"inner": tree}
    return tree


@pytest.mark.requirement("mediation.bounded")
def test_nesting_is_read_up_to_its_limit() -> None:
    everything().read_json(nested(31))
    assert [rule for _, rule in refused(nested(32))] == ["json.depth"]
    value: Any = 1
    for _ in range(40):
        value = [value]
    assert [rule for _, rule in refused({"value": value})] == ["json.depth"]


@pytest.mark.requirement("mediation.leftovers")
def test_unknown_keys_are_kept_with_their_places() -> None:
    tree: Any = {
        "x": 1,
        "inner": {"y": [2]},
        "inners": [{}, {"z": None}],
        "byNumber": {"7": {"w": {}}},
        "empty": {"v": 1},
    }
    found = everything().read_json(tree).unknown_keys
    assert [(each.at, each.path, each.key, each.value) for each in found] == [
        ((), "", "x", 1),
        ((17,), "inner", "y", [2]),
        ((22, 1), "inners[1]", "z", None),
        ((31, "7"), 'byNumber["7"]', "w", {}),
        ((67,), "empty", "v", 1),
    ]


def test_a_value_of_any_type_of_the_schema_is_read_into_an_any() -> None:
    message = read({"any": {"@type": "type.googleapis.com/p.Inner", "name": "n"}})
    assert message.any.type_url == "type.googleapis.com/p.Inner"
    assert message.any.value == b"\x0a\x01n"
    assert read({"any": {"@type": "x/google.protobuf.Duration", "value": "2s"}}).any.value == b"\x08\x02"


def test_two_fields_of_one_json_name_are_refused_when_the_contract_is_made() -> None:
    body = "message A { optional string foo_bar = 1; optional string fooBar = 2; }"
    with pytest.raises(BadSchema):
        contract(body, syntax="proto2")


def test_a_type_that_the_schema_does_not_have_is_refused_when_the_contract_is_made() -> None:
    with pytest.raises(BadSchema):
        contract("message A {}", "B")


def test_a_closed_enum_takes_its_own_numbers_alone() -> None:
    closed = contract("enum E { X = 1; Y = 2; } message A { optional E e = 1; }", syntax="proto2")
    message: Any = closed.read_json({"e": 2}).message
    assert message.e == 2
    assert refused({"e": 3}, closed) == [("e", "json.enum")]


def test_a_field_that_proto2_requires_must_be_there() -> None:
    needing = contract("message B { required string s = 1; } message A { optional B b = 1; }", syntax="proto2")
    assert refused({"b": {}}, needing) == [("b.s", "proto.required")]
    with pytest.raises(SchemaViolation):
        needing.read_bytes(b"\x0a\x00")
    needing.read_json({})


def chain(length: int) -> str:
    links = "".join(f"message M{n} {{ M{n + 1} next = 1; }} " for n in range(length))
    return f"{links} message M{length} {{ string s = 1; }}"


def test_types_that_hold_one_another_are_compiled_or_refused() -> None:
    assert contract(chain(150), "M0").read_json({"next": {"next": {}}}).unknown_keys == ()
    with pytest.raises(BadSchema):
        contract(chain(1500), "M0")
