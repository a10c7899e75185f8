"""Each rule by examples: what it finds, in which direction and form, and whether a gateway makes up for it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from meshgate.registry.schemas import RULES, BadSchema, compare
from tests.registry.schemas.build import differences, image


class Case(NamedTuple):
    """A change of a schema, and all that is found: ``rule path direction form``, with ``*`` for what is mediated."""

    what: str
    old: str
    new: str
    found: tuple[str, ...] = ()
    syntax: str = "proto3"


def a(body: str, more: str = "") -> str:
    return f"{more} message A {{ {body} }}"


def e(values: str) -> str:
    return f"message A {{ E e = 1; }} enum E {{ {values} }}"


def v(rules: str, kind: str = "int32") -> str:
    return f"message A {{ {kind} a = 1 [{rules}]; }}"


def s(rule: str) -> str:
    return v(f"(buf.validate.field).string.{rule}", "string")


def i(rules: str) -> str:
    return v(f"(buf.validate.field).int32 = {{{rules}}}", "optional int32")


FREE = "field-removed A.b both wire"
FREE_NAME = "field-name-removed A.b both json*"
ONE = "oneof o { int32 a = 1; int32 b = 2; }"
TIGHT = "constraint-tightened A.a"
OTHER = "constraint-changed A.a"
RENUMBERED = ("enum-value-renumbered E.Y both both",)

CASES = (
    Case("nothing changes", a("int32 a = 1;"), a("int32 a = 1;")),
    Case("a field is added", a("int32 a = 1;"), a("int32 a = 1; repeated string b = 2;")),
    Case("a field is removed", a("int32 a = 1; int32 b = 2;"), a("int32 a = 1;"), (FREE, FREE_NAME)),
    Case("... its name reserved", a("int32 a = 1; int32 b = 2;"), a('int32 a = 1; reserved "b";'), (FREE,)),
    Case("... its number reserved", a("int32 a = 1; int32 b = 2;"), a("int32 a = 1; reserved 2;"), (FREE_NAME,)),
    Case("... both reserved", a("int32 a = 1; int32 b = 2;"), a('int32 a = 1; reserved 2; reserved "b";')),
    Case(
        "a number is given to another type",
        a("int32 a = 1;"),
        a('string b = 1; reserved "a";'),
        ("wire-type A.b both wire", "json-type A.b both json", "json-name A.b both json*"),
    ),
    Case(
        "a reserved number is freed",
        a("reserved 2 to 9;"),
        a("reserved 3 to 9;"),
        ("reserved-number-lost A both wire",),
    ),
    Case("reserved numbers are divided", a("reserved 2 to 9;"), a("reserved 5 to 9; reserved 2 to 4;")),
    Case("a reserved name is freed", a('reserved "x", "y";'), a('reserved "x";'), ("reserved-name-lost A both json*",)),
    # -- types
    Case(
        "a number grows",
        a("int32 a = 1;"),
        a("int64 a = 1;"),
        ("wire-type A.a forward wire", "json-type A.a forward json"),
    ),
    Case(
        "a number shrinks",
        a("uint64 a = 1;"),
        a("uint32 a = 1;"),
        ("wire-type A.a backward wire", "json-type A.a backward json"),
    ),
    Case(
        "a sign appears", a("uint32 a = 1;"), a("int32 a = 1;"), ("wire-type A.a both wire", "json-type A.a both json")
    ),
    Case(
        "an unsigned number fits a larger signed one",
        a("uint32 a = 1;"),
        a("int64 a = 1;"),
        ("wire-type A.a forward wire", "json-type A.a forward json"),
    ),
    Case("the encoding changes", a("int32 a = 1;"), a("sint32 a = 1;"), ("wire-type A.a both wire",)),
    Case(
        "a float grows",
        a("float a = 1;"),
        a("double a = 1;"),
        ("wire-type A.a both wire", "json-type A.a forward json"),
    ),
    Case(
        "text becomes bytes",
        a("string a = 1;"),
        a("bytes a = 1;"),
        ("wire-type A.a forward wire", "json-type A.a backward json*", "json-type A.a forward json"),
    ),
    Case(
        "a flag becomes a number",
        a("bool a = 1;"),
        a("int32 a = 1;"),
        ("wire-type A.a forward wire", "json-type A.a backward json*", "json-type A.a forward json"),
    ),
    Case(
        "an enum becomes a number",
        a("E a = 1;", "enum E { X = 0; }"),
        a("int32 a = 1;"),
        ("json-type A.a backward json*",),
    ),
    Case(
        "a list and a map change their values",
        a("repeated int32 a = 1; map<string, int32> b = 2;"),
        a("repeated string a = 1; map<string, string> b = 2;"),
        (
            "wire-type A.a both wire",
            "json-type A.a both json",
            "wire-type A.BEntry.value both wire",
            "json-type A.BEntry.value both json",
        ),
    ),
    Case(
        "a message inside changes",
        a("B b = 1;", "message B { A a = 1; int32 c = 2; }"),
        a("B b = 1;", "message B { A a = 1; string c = 2; }"),
        ("wire-type B.c both wire", "json-type B.c both json"),
    ),
    Case(
        "a message inside is renamed",
        a("B b = 1;", "message B { int32 c = 2; }"),
        a("C b = 1;", "message C { int32 c = 2; }"),
    ),
    Case(
        "a message inside becomes a well-known one",
        a("B b = 1;", "message B { int64 seconds = 1; int32 nanos = 2; }"),
        a("google.protobuf.Timestamp b = 1;"),
        ("json-form A.b both json*",),
    ),
    Case(
        "a wrapper is taken off",
        a("google.protobuf.StringValue b = 1;"),
        a("string b = 1;"),
        ("wire-type A.b both wire", "json-type A.b both json"),
    ),
    # -- cardinality, oneofs, presence, defaults
    Case("one becomes several", a("int32 a = 1;"), a("repeated int32 a = 1;"), ("cardinality A.a both both",)),
    Case(
        "a list becomes a map",
        a("repeated B a = 1;", "message B { string key = 1; int32 value = 2; }"),
        a("map<string, int32> a = 1;"),
        ("cardinality A.a both both",),
    ),
    Case("presence is tracked", a("int32 a = 1;"), a("optional int32 a = 1;")),
    Case("two fields move into a oneof", a("int32 a = 1; int32 b = 2;"), a(ONE), ("oneof-joined A.o backward both",)),
    Case("two fields leave a oneof", a(ONE), a("int32 a = 1; int32 b = 2;"), ("oneof-joined A.o forward both",)),
    Case("one field moves into a oneof of its own", a("int32 a = 1;"), a("oneof o { int32 a = 1; }")),
    Case("a oneof grows", a("oneof o { int32 a = 1; }"), a(ONE)),
    Case("a oneof is renamed", a(ONE), a(ONE.replace("oneof o", "oneof p"))),
    Case(
        "a required field is added",
        a(""),
        a("required int32 a = 1;"),
        ("required-missing A.a backward both",),
        "proto2",
    ),
    Case(
        "a required field becomes optional",
        a("int32 a = 1 [features.field_presence = LEGACY_REQUIRED];"),
        a("int32 a = 1;"),
        ("required-missing A.a forward both",),
        "2023",
    ),
    Case(
        "a default changes",
        a("optional int32 a = 1 [default = 4];"),
        a("optional int32 a = 1;"),
        ("default A.a both both",),
        "proto2",
    ),
    # -- JSON names
    Case("a field is renamed", a("int32 a = 1;"), a("int32 b = 1;"), ("json-name A.b both json*",)),
    Case(
        "... but not in JSON", a("int32 a = 1;"), a('int32 b = 1 [json_name = "a"];'), ("json-name A.b forward json*",)
    ),
    Case(
        "the JSON name becomes another than the field's",
        a("int32 a = 1;"),
        a('int32 a = 1 [json_name = "b"];'),
        ("json-name A.a forward json*",),
    ),
    Case(
        "a name passes to another number",
        a("int32 a = 1;"),
        a("reserved 1; int32 a = 2;"),
        ("json-name-reused A.a backward json*", "json-name-reused A.a forward json*"),
    ),
    # -- enums
    Case("a value is added", e("X = 0;"), e("X = 0; Y = 1;"), ("enum-value-unknown E.Y forward json*",)),
    Case(
        "a value is removed",
        e("X = 0; Y = 1;"),
        e("X = 0;"),
        (
            "enum-value-unknown E.Y backward json*",
            "enum-value-removed E.Y both wire",
            "enum-value-name-removed E.Y both json*",
        ),
    ),
    Case(
        "... its number reserved",
        e("X = 0; Y = 1;"),
        e("X = 0; reserved 1;"),
        ("enum-value-unknown E.Y backward json*", "enum-value-name-removed E.Y both json*"),
    ),
    Case(
        "... its name reserved",
        e("X = 0; Y = 1;"),
        e('X = 0; reserved "Y";'),
        ("enum-value-unknown E.Y backward json*", "enum-value-removed E.Y both wire"),
    ),
    Case(
        "a value is renamed",
        e("X = 0; Y = 1;"),
        e("X = 0; Z = 1;"),
        ("enum-value-renamed E.Y backward json*", "enum-value-renamed E.Z forward json*"),
    ),
    Case(
        "... with the old name as an alias",
        e("X = 0; Y = 1;"),
        e("option allow_alias = true; X = 0; Z = 1; Y = 1;"),
        ("enum-value-renamed E.Z forward json*",),
    ),
    Case("a value is renumbered", e("X = 0; Y = 1;"), e("X = 0; Y = 2; reserved 1;"), RENUMBERED),
    Case(
        "two values change places",
        e("X = 0; Y = 1; Z = 2;"),
        e("X = 0; Y = 2; Z = 1;"),
        (*RENUMBERED, "enum-value-renumbered E.Z both both"),
    ),
    Case(
        "a reserved value is freed",
        e("X = 0; reserved 2 to 4;"),
        e("X = 0; reserved 2, 4;"),
        ("enum-reserved-number-lost E both wire",),
    ),
    Case(
        "a reserved name of a value is freed",
        e('X = 0; reserved "Q";'),
        e("X = 0;"),
        ("enum-reserved-name-lost E both json*",),
    ),
    Case(
        "a closed enum grows",
        a("optional E e = 1;", "enum E { X = 0; }"),
        a("optional E e = 1;", "enum E { X = 0; Y = 1; }"),
        ("enum-value-lost E.Y forward wire", "enum-value-unknown E.Y forward json*"),
        "proto2",
    ),
    Case(
        "an enum is closed",
        a("E e = 1;", "enum E { X = 0; }"),
        a("E e = 1;", "enum E { option features.enum_type = CLOSED; X = 0; }"),
        ("enum-closed E backward wire",),
        "2023",
    ),
    # -- constraints
    Case(
        "a field becomes mandatory",
        v("(buf.validate.field).required = false"),
        v("(buf.validate.field).required = true"),
        ("constraint-required A.a backward both",),
    ),
    Case(
        "a mandatory field is dropped",
        a("B b = 1 [(buf.validate.field).required = true];", "message B {}"),
        a('reserved 1; reserved "b";'),
        ("constraint-required A.b forward both",),
    ),
    Case(
        "a new field refuses to be empty",
        a(""),
        s("min_len = 1"),
        ("constraint-zero A.a backward both",),
    ),
    Case("... unless nobody set it", a(""), v("(buf.validate.field).string.min_len = 1", "optional string")),
    Case(
        "... unless it is empty",
        a(""),
        v("(buf.validate.field) = {ignore: IGNORE_IF_ZERO_VALUE string: {min_len: 1}}", "string"),
    ),
    Case(
        "a new list has a least length",
        a(""),
        v("(buf.validate.field).repeated.min_items = 1", "repeated int32"),
        ("constraint-zero A.a backward both",),
    ),
    Case("a bound is tightened", i("gte: 1"), i("gt: 1"), (f"{TIGHT} backward both",)),
    Case("a bound is loosened", i("lt: 9"), i("lte: 9"), (f"{TIGHT} forward both",)),
    Case("a length is bounded", s("max_len = 9"), s("max_len = 8"), (f"{TIGHT} backward both",)),
    Case(
        "a length is fixed",
        s("max_len = 9"),
        s("len = 8"),
        (f"{TIGHT} backward both", "constraint-zero A.a backward both"),
    ),
    Case("a list of values grows", i("in: [1, 2]"), i("in: [1, 2, 3]"), (f"{TIGHT} forward both",)),
    Case("one value more is refused", i("not_in: [1]"), i("not_in: [1, 2]"), (f"{TIGHT} backward both",)),
    Case("listed values lie within the bounds", i("in: [1, 2]"), i("gte: 1 lt: 3"), (f"{TIGHT} forward both",)),
    Case(
        "listed texts keep to a length",
        s("in = 'abc'"),
        s("min_len = 1, (buf.validate.field).string.max_bytes = 3"),
        (f"{TIGHT} forward both",),
    ),
    Case("a constant is one value of the list", i("const: 1"), i("in: [1, 2]"), (f"{TIGHT} forward both",)),
    Case(
        "bounds that exclude what is between them",
        i("gt: 5 lt: 1"),
        i("gt: 6 lt: 1"),
        (f"{OTHER} backward both", f"{OTHER} forward both"),
    ),
    Case(
        "a pattern appears",
        s('max_len = 9, (buf.validate.field).string.not_contains = ","'),
        s("max_len = 9"),
        (f"{OTHER} forward both",),
    ),
    Case(
        "a pattern changes",
        s('pattern = "a+"'),
        s('pattern = "b+"'),
        (f"{OTHER} backward both", f"{OTHER} forward both"),
    ),
    Case(
        "a CEL expression appears",
        a("int32 a = 1;"),
        v('(buf.validate.field).cel = {id: "x" expression: "this > 1"}'),
        (f"{OTHER} backward both", "constraint-zero A.a backward both"),
    ),
    Case(
        "a CEL expression that ends like a bound changes",
        v('(buf.validate.field).cel = {id: "x" expression: "this == limits.min"}'),
        v('(buf.validate.field).cel = {id: "x" expression: "this == limit.min"}'),
        (f"{OTHER} backward both", f"{OTHER} forward both"),
    ),
    Case(
        "a number becomes a moment, each with bounds",
        v("(buf.validate.field).int32.gt = 1", "optional int32"),
        v("(buf.validate.field).duration.gt = {seconds: 1}", "google.protobuf.Duration"),
        (
            "wire-type A.a both wire",
            "json-type A.a both json",
            f"{TIGHT} backward both",
            f"{TIGHT} forward both",
        ),
    ),
    Case(
        "items of a list are checked",
        v("(buf.validate.field).repeated.max_items = 9", "repeated string"),
        v("(buf.validate.field).repeated = {max_items: 9 items: {string: {min_len: 1}}}", "repeated string"),
        (f"{TIGHT} backward both",),
    ),
    Case(
        "items of a list that are empty are checked too",
        v(
            "(buf.validate.field).repeated.items = {ignore: IGNORE_IF_ZERO_VALUE string: {min_len: 2}}",
            "repeated string",
        ),
        v("(buf.validate.field).repeated.items = {string: {min_len: 2}}", "repeated string"),
        (f"{TIGHT} backward both",),
    ),
    Case(
        "values of a map are checked no longer",
        v("(buf.validate.field).map.values.int32.gt = 3", "map<string, int32>"),
        a("map<string, int32> a = 1;"),
        (f"{TIGHT} forward both",),
    ),
    Case(
        "a moment is bounded",
        v("(buf.validate.field).timestamp.gt = {seconds: 5}", "google.protobuf.Timestamp"),
        v("(buf.validate.field).timestamp.gt = {seconds: 6}", "google.protobuf.Timestamp"),
        (f"{TIGHT} backward both",),
    ),
    Case(
        "only defined values are taken",
        e("X = 0;"),
        e("X = 0;").replace("e = 1", "e = 1 [(buf.validate.field).enum.defined_only = true]"),
        ("constraint-defined-only A.e backward both",),
    ),
    Case(
        "a value is added where only defined ones are taken",
        e("X = 0;").replace("e = 1", "e = 1 [(buf.validate.field).enum.defined_only = true]"),
        e("X = 0; Y = 1;").replace("e = 1", "e = 1 [(buf.validate.field).enum.defined_only = true]"),
        ("constraint-defined-only A.e forward both", "enum-value-unknown E.Y forward json*"),
    ),
    Case(
        "a whole message is checked",
        a("int32 a = 1;"),
        a('int32 a = 1; option (buf.validate.message).cel = {id: "x" expression: "this.a > 1"};'),
        ("constraint-message A backward both",),
    ),
    Case(
        "one of two fields is demanded",
        a("int32 a = 1; int32 b = 2; option (buf.validate.message).oneof = {fields: ['a', 'b']};"),
        a("int32 a = 1; int32 b = 2; option (buf.validate.message).oneof = {fields: ['a', 'b'] required: true};"),
        ("constraint-message A backward both", "constraint-message A forward both"),
    ),
    Case(
        "a oneof is demanded",
        a(ONE),
        a("oneof o { option (buf.validate.oneof).required = true; int32 a = 1; int32 b = 2; }"),
        ("constraint-message A.o backward both",),
    ),
    Case(
        "a demanded oneof grows",
        a("oneof o { option (buf.validate.oneof).required = true; int32 a = 1; }"),
        a("oneof o { option (buf.validate.oneof).required = true; int32 a = 1; int32 b = 2; }"),
        ("constraint-message A.o forward both",),
    ),
)


def shown(case: Case) -> set[str]:
    found = differences(case.old, case.new, syntax=case.syntax)
    assert all(one.what and one.remedy for one in found)
    return {f"{one.rule} {one.path[2:]} {one.direction} {one.form}{'*' if one.mediated else ''}" for one in found}


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
@pytest.mark.requirement("schema.rules")
def test_a_change_is_found_as_what_it_is(case: Case) -> None:
    assert shown(case) == set(case.found)


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_change_and_its_undoing_mirror_each_other(case: Case) -> None:
    # What a rule says of two schemas does not depend on which came first, save for what is only a matter of tidiness.
    tidy = ("removed", "lost", "default")
    swapped = {"backward": "forward", "forward": "backward", "both": "both"}
    there = {(one.rule, one.direction, one.form) for one in differences(case.old, case.new, syntax=case.syntax)}
    back = {(one.rule, swapped[one.direction], one.form) for one in differences(case.new, case.old, syntax=case.syntax)}

    assert {one for one in there if not one[0].endswith(tidy)} == {one for one in back if not one[0].endswith(tidy)}


@pytest.mark.requirement("schema.rules")
def test_a_type_that_is_gone_or_renamed_is_found() -> None:
    old, new = image("message A {}"), image("message B {}")

    assert [(one.rule, one.path, one.direction, one.mediated) for one in compare(old, new, "p.A", "p.B")] == [
        ("type-renamed", "p.B", "both", True)
    ]
    assert [(one.rule, one.path, one.direction) for one in compare(old, None, "p.A", "")] == [
        ("type-removed", "p.A", "both")
    ]
    assert compare(None, new, "", "p.B") == ()


@pytest.mark.requirement("schema.rules")
def test_every_rule_has_an_example_that_fails_without_it() -> None:
    # The examples compare everything that is found, so the absence of any one rule turns its examples red.
    seen = {line.split()[0] for case in CASES for line in case.found} | {"type-removed", "type-renamed"}
    assert seen == set(RULES)


def test_a_predefined_rule_is_compared_as_a_whole() -> None:
    rules = (
        "extend buf.validate.Int32Rules {{ optional bool odd = 80048952 "
        '[(buf.validate.predefined).cel = {{id: "odd" expression: "this % 2 == 1"}}]; }} '
        "message A {{ optional int32 a = 1 [{}]; }}"
    )
    plain = rules.format("(buf.validate.field).int32.gt = 1")
    odd = rules.format("(buf.validate.field).int32.gt = 1, (buf.validate.field).int32.(p.odd) = true")

    found = differences(plain, odd, syntax="proto2")
    assert [(one.rule, one.direction) for one in found] == [("constraint-changed", "backward")]


MUST = "[(buf.validate.field).required = true]"
NAME = "[(buf.validate.field).string.min_len = 1]"
GONE = "the field is gone, and whoever reads with the old schema demands it"


@pytest.mark.requirement("schema.renamed")
@pytest.mark.parametrize(
    ("old", "new", "what", "remedy"),
    [
        (
            f"message A {{ optional string city = 1 {MUST}; }}",
            f'message A {{ reserved 1; reserved "city"; optional string place = 2 {MUST}; }}',
            GONE,
            'keep it; if it is now called place, write renamed_from="city" there',
        ),
        (
            f"message A {{ string city = 1 {NAME}; }}",
            f'message A {{ reserved 1; reserved "city"; string place = 2 {NAME}; }}',
            GONE,
            'keep it; if it is now called place, write renamed_from="city" there',
        ),
        (
            f"message A {{ optional string city = 1 {MUST}; }}",
            'message A { reserved 1; reserved "city"; int32 place = 2; }',
            GONE,
            'keep it; if it is now called a new name, write renamed_from="city" there',
        ),
    ],
)
def test_a_field_that_is_gone_is_told_as_that_with_who_needs_it_and_how_to_say_that_it_was_renamed(
    old: str, new: str, what: str, remedy: str
) -> None:
    (found,) = [one for one in differences(old, new) if one.path.endswith("A.city") and one.direction == "forward"]
    assert (found.what, found.remedy) == (what, remedy)


@pytest.mark.requirement("schema.renamed")
def test_a_new_field_that_is_demanded_is_told_as_that() -> None:
    city, place = (f"optional string {name} = {n} {MUST};" for name, n in (("city", 1), ("place", 2)))
    for old, renamed in (("", ""), (city, '; if it is city under a new name, write renamed_from="city"')):
        (found,) = [
            one for one in differences(f"message A {{ {old} }}", f"message A {{ {place} }}") if "place" in one.path
        ]
        assert found.what == "the new schema demands the field, and old data do not have it"
        assert found.remedy == f"make it optional, or give it a default{renamed}"


def test_recursive_messages_are_compared_once() -> None:
    assert (
        differences(
            "message A { A a = 1; B b = 2; } message B { A a = 1; }",
            "message A { A a = 1; B b = 2; } message B { A a = 1; }",
        )
        == ()
    )


def test_schemas_that_are_mixed_beyond_reason_are_refused() -> None:
    # Cycles of 67 and 71 messages: every message of the one meets every message of the other.
    def ring(size: int) -> str:
        return " ".join(f"message M{n} {{ M{(n + 1) % size} m = 1; }}" for n in range(size))

    with pytest.raises(BadSchema) as caught:
        differences(ring(67), ring(71), "M0")
    assert "major" in str(caught.value)
