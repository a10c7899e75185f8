"""protovalidate's constraints: checked, skipped, and found wanting when the contract is made."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.a2a.errors import SchemaViolation
from meshgate.gateway.contracts.transform import CompiledContract
from meshgate.gateway.contracts.transform.cel_scan import cost_of
from meshgate.gateway.contracts.transform.cost import PROTOVALIDATE, largest
from meshgate.gateway.contracts.transform.validation import validators
from meshgate.registry.schemas import BadSchema, load_image
from tests.gateway.contracts.transform.build import FORECAST, contract, everything
from tests.registry.schemas.build import compiled, image


def broken(of: CompiledContract, message: Any) -> list[tuple[str, str]]:
    with pytest.raises(SchemaViolation) as caught:
        of.validate(message)
    return [(path, text.rpartition("[")[2].rstrip("]")) for path, text in caught.value.violations]


def field(rule: str, kind: str = "string") -> str:
    return f"message A {{ {kind} f = 1 [(buf.validate.field){rule}]; }}"


def rule(expression: str) -> str:
    return f'.cel = {{id: "x", message: "m", expression: "{expression}"}}'


GOOD = {"city": "Oslo", "days": 3}


@pytest.mark.requirement("mediation.constraints")
def test_what_breaks_a_constraint_is_told_with_path_and_rule() -> None:
    forecast = contract(FORECAST, "Request")
    gusts = [{"speed": 1}, {"speed": -1}]
    tree = {**GOOD, "city": "x", "days": 99, "wind": {"gusts": gusts, "byHour": {"a": {"speed": -2}}}}
    assert broken(forecast, forecast.read_json(tree).message) == [
        ("city", "string.min_len"),
        ("days", "int32.gte_lte"),
        ("wind.gusts[1].speed", "double.gte"),
        ('wind.byHour["a"].speed', "double.gte"),
    ]
    forecast.validate(forecast.read_json(GOOD).message)


def test_a_type_that_can_hold_no_constraint_is_not_checked() -> None:
    assert not everything().constrained
    body = "message A { string a = 1; } " + field(".required = true").replace("message A", "message B")
    assert not contract(body).constrained
    assert contract(body, "B").constrained


@pytest.mark.parametrize(
    "body",
    [
        "message A { B b = 1; } " + field(".required = true").replace("message A", "message B"),
        "message A { map<string, B> b = 1; } " + field(".required = true").replace("message A", "message B"),
        'message A { option (buf.validate.message).cel = {id: "x", expression: "true"}; }',
        "message A { oneof o { option (buf.validate.oneof).required = true; string s = 1; } }",
    ],
)
def test_a_constraint_is_found_wherever_it_may_stand(body: str) -> None:
    assert contract(body).constrained


@pytest.mark.parametrize(
    "body",
    [
        field('.string.pattern = "(open"'),
        field('.string.pattern = "(open"', "optional string"),
        field('.repeated.items.string.pattern = "(open"', "repeated string"),
        field('.string.pattern = "((a{1000}){1000}){1000}"'),
        field('.string.pattern = "(?=look)"'),
        field(rule("this.nope( +")),
        field(".int32.gt = 1"),
        "message A { repeated B b = 1; } " + field('.string.pattern = "(open"').replace("message A", "message B"),
        'message A { option (buf.validate.message).cel = {id: "x", expression: "this."}; }',
    ],
)
@pytest.mark.requirement("mediation.constraints")
def test_a_rule_that_does_not_compile_is_found_when_the_contract_is_made(body: str) -> None:
    with pytest.raises(BadSchema):
        contract(body)


@pytest.mark.parametrize(
    "expression",
    [
        "[this]" + ".map(y, y + y)" * 40 + "[0].size() > 0",
        "[this].map(y, [y, y].map(z, [z, z].map(w, [w, w]))).size() > 0",
        "this" + ".replace('a', this + this)" * 8 + ".size() > 0",
    ],
)
@pytest.mark.requirement("mediation.bounded")
def test_a_rule_that_could_cost_too_much_is_refused(expression: str) -> None:
    with pytest.raises(BadSchema):
        contract(field(rule(expression)))


@pytest.mark.requirement("mediation.bounded")
def test_a_message_too_large_for_a_costly_rule_is_refused_unread() -> None:
    costly = contract(field(rule("this.replace('a', this).size() >= 0")))
    costly.validate(costly.read_json({"f": "a" * 1000}).message)
    assert broken(costly, costly.read_json({"f": "a" * 1_000_000}).message) == [("", "message.size")]


@pytest.mark.parametrize(
    ("body", "few", "many"),
    [
        ("message A { repeated B b = 1; }", {"b": [{"s": "x"}] * 19_000}, {"b": [{"s": "x"}] * 21_000}),
        ("message A { map<int32, B> b = 1; }", {"b": {7: {"s": "x"}}}, {"b": {n: {"s": "x"} for n in range(21_000)}}),
        ("message A { repeated int32 n = 1; B b = 2; }", {"n": [9] * 390_000}, {"n": [9] * 410_000}),
        ("message A { repeated C c = 1; } message C { B b = 1; }", {}, {"c": [{"b": {"s": "x"}}] * 11_000}),
    ],
)
@pytest.mark.requirement("mediation.values")
def test_a_message_of_too_many_values_is_refused_before_its_constraints_are_checked(
    body: str, few: dict[str, Any], many: dict[str, Any]
) -> None:
    # protovalidate lets nothing else run until it is done with a message.
    of = contract(f"{body} {field('.string.min_len = 1').replace('message A', 'message B').replace(' f ', ' s ')}")
    of.validate(of.message(**few))
    assert broken(of, of.message(**many)) == [("", "message.values")]


def test_a_loop_over_a_large_list_is_no_costly_rule() -> None:
    plain = contract(field(rule("this.all(x, x > 0)"), "repeated int32"))
    plain.validate(plain.read_json({"f": [1000] * 9000}).message)


def test_a_rule_that_cannot_be_evaluated_is_a_violation() -> None:
    endless = contract(field(rule("this.all(x, this.all(y, x + y >= 0))"), "repeated int32"))
    assert broken(endless, endless.read_json({"f": [1] * 300}).message) == [("", "cel.evaluation")]


@pytest.mark.requirement("mediation.violations")
def test_of_a_large_message_the_first_breach_alone_is_told() -> None:
    many = contract(field(".repeated.items.int32.gt = 5", "repeated int32"))
    with pytest.raises(SchemaViolation) as caught:
        many.validate(many.read_json({"f": [1] * 100}).message)
    assert (len(caught.value.violations), caught.value.metadata["violations"]) == (16, "100")
    assert len(broken(many, many.read_json({"f": [1] * 100_000}).message)) == 1


@pytest.mark.parametrize(
    ("expression", "power", "builders", "loops"),
    [
        ("this.a + this.b > 0", 0, 0, 0),
        ("this.all(x, x > 0)", 0, 0, 1),
        ("this.all(x, x > this.y)", 1, 0, 1),
        ("old.l.filter(x, x.a > 0).map(x, x.b)", 1, 1, 2),
        ("old.l.filter(x, x.a > 0)", 0, 0, 1),
        ("old.l.map(x, old.l.map(y, x))", 3, 2, 2),
        ("old.l.all(x, x.k.all(y, y > 0))", 0, 0, 2),
        ("old.l.all(x, x.k.all(y, y > x.z))", 1, 0, 2),
        ("'old.l.map(x, y)' == old.t", 0, 0, 0),
        ("old.map", 0, 0, 0),
        ("old.l.exists(x, x == 'a text that is not short')", 1, 0, 1),
        ("// map(x, x)\n old", 0, 0, 0),
        ("((((", 0, 0, 0),
        ("))))", 0, 0, 0),
        ("'open", 0, 0, 0),
    ],
)
def test_the_cost_of_an_expression_is_told_from_its_text(
    expression: str, power: int, builders: int, loops: int
) -> None:
    cost = cost_of(expression)
    assert (cost.power, cost.builders, cost.loops) == (power, builders, loops)


def test_the_largest_message_shrinks_as_rules_cost_more() -> None:
    sizes = [
        largest([cost_of(text)], 2**30, 2**24, PROTOVALIDATE)
        for text in ("this > 0", "this.all(x, x > this[0])", "this.map(x, x + this[0])")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    assert largest([cost_of("this.all(x, x > this[0])")] * 64, 2**30, 2**24, PROTOVALIDATE) < sizes[1]


@pytest.mark.requirement("mediation.bounded")
def test_rules_that_cost_too_much_together_are_refused() -> None:
    loops = [f'{{id: "r{n}", message: "m", expression: "this.map(x, x + {n}).size() > 0"}}' for n in range(60)]
    contract(field(f".cel = {loops[0]}", "repeated int32"))
    with pytest.raises(BadSchema):
        contract(field(f" = {{cel: [{', '.join(loops)}]}}", "repeated int32"))


def test_variables_that_no_loop_binds_are_told() -> None:
    assert cost_of("old.l.map(x, x + y) + z.map(z, z)").free == {"old", "y", "z"}


def test_schemas_that_share_an_engine_keep_their_own_rules() -> None:
    texts = [field(f".string.min_len = {least}") for least in (1, 3, 5)]
    other = "message Other { string f = 1 [(buf.validate.field).string.min_len = 4]; }"
    contracts = [CompiledContract(image(text), "p.A") for text in texts]
    apart = CompiledContract(image(other), "p.Other")
    for made, least in zip([*contracts, apart], (1, 3, 5, 4), strict=True):
        made.validate(made.message(f="x" * least))
        with pytest.raises(SchemaViolation):
            made.validate(made.message(f="x" * (least - 1)))


def test_a_schema_that_does_not_compile_hinders_none_that_shares_its_engine() -> None:
    good = "message Good { string f = 1 [(buf.validate.field).string.min_len = 2]; }"
    bad = 'message Bad { string f = 1 [(buf.validate.field).string.pattern = "(?=a)"]; }'
    first = CompiledContract(image(good), "p.Good")
    with pytest.raises(BadSchema):
        CompiledContract(image(bad), "p.Bad")
    with pytest.raises(SchemaViolation):
        first.validate(first.message(f="x"))


def test_engines_are_few_and_go_with_their_contracts() -> None:
    def made(number: int) -> CompiledContract:
        files = FileDescriptorSet.FromString(compiled(field(".required = true")))
        files.file[0].name = files.file[0].package = f"only{number}"
        return CompiledContract(load_image(files.SerializeToString()), f"only{number}.A")

    validators.recent_validators.clear()
    gc.collect()
    before = len(validators.shared_validators)
    kept = [made(number) for number in range(150)]
    assert len(validators.shared_validators) - before <= 4
    while kept:
        with pytest.raises(SchemaViolation):
            kept[-1].validate(kept[-1].message())
        kept.pop()
    validators.recent_validators.clear()
    gc.collect()
    assert len(validators.shared_validators) <= before
