"""Declared migrations: which are walked, in what order, what they set, and how they fail."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.errors import ConversionFailed
from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.transform import (
    CompiledContract,
    Converter,
    MigrationFunction,
    find_path,
    installed_functions,
    make_converter,
)
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Release
from tests.gateway.contracts.transform.build import contract

SMALL = Limits(mediation_result=1000, mediation_cost=2**24)
PLAIN = """message A { string text = 1; int64 count = 2; repeated string words = 3; map<string, int32> table = 4;
  Inner inner = 5; bytes data = 6; double share = 7; google.protobuf.Timestamp at = 8;
  google.protobuf.Duration span = 9; E kind = 10; google.protobuf.Value json = 11; }
message Inner { string name = 1; int32 depth = 2; } enum E { E_NONE = 0; E_ONE = 1; }"""


def releases(*migrations: tuple[str, tuple[Migration, ...]]) -> list[Release]:
    return [Release(version, migrations=declared) for version, declared in migrations]


def walked(listed: list[Release], source: str, target: str) -> list[tuple[str, str]]:
    """Where each leg of the way ends, and which migration it takes (by where that one starts)."""
    return [
        (leg.release.version, leg.migration.source if leg.migration else "")
        for leg in find_path(listed, source, target)
    ]


def up(source: str, **targets: str) -> Migration:
    return Migration(source, up=targets or {"text": "'up'"})


def down(source: str, **targets: str) -> Migration:
    return Migration(source, down=targets or {"text": "'down'"})


def both(source: str) -> Migration:
    return Migration(source, up={"text": "old.text + '>'"}, down={"text": "old.text + '<'"})


# -- the way


LONG = releases(
    ("1.0.0", ()),
    ("1.1.0", ()),
    ("2.0.0", (both("^1"),)),
    ("2.1.0", ()),
    ("3.0.0", (both("^2"),)),
    ("3.1.0", (up("3.0.0"),)),
)


@pytest.mark.parametrize(
    ("source", "target", "way"),
    [
        ("1.0.0", "1.1.0", [("1.1.0", "")]),
        ("1.1.0", "2.0.0", [("2.0.0", "^1")]),
        ("1.0.0", "2.0.0", [("1.1.0", ""), ("2.0.0", "^1")]),
        ("1.0.0", "2.1.0", [("1.1.0", ""), ("2.0.0", "^1"), ("2.1.0", "")]),
        ("1.1.0", "3.1.0", [("2.0.0", "^1"), ("2.1.0", ""), ("3.0.0", "^2"), ("3.1.0", "3.0.0")]),
        ("2.0.0", "1.1.0", [("1.1.0", "^1")]),
        ("2.1.0", "1.0.0", [("2.0.0", ""), ("1.1.0", "^1"), ("1.0.0", "")]),
        ("3.1.0", "1.0.0", [("3.0.0", ""), ("2.1.0", "^2"), ("2.0.0", ""), ("1.1.0", "^1"), ("1.0.0", "")]),
        ("2.0.0", "2.0.0", [("2.0.0", "")]),
    ],
)
@pytest.mark.requirement("mediation.migrate")
def test_each_migration_on_the_way_is_walked_once_and_in_the_order_of_versions(
    source: str, target: str, way: list[tuple[str, str]]
) -> None:
    expected = [] if source == target else way
    assert walked(LONG, source, target) == expected
    assert walked(LONG[::-1], source, target) == expected


def test_a_migration_that_leaps_is_taken_instead_of_what_it_leaps_over() -> None:
    listed = releases(("1.0.0", ()), ("2.0.0", (down("^1"),)), ("3.0.0", (both("^1"),)))
    assert walked(listed, "1.0.0", "3.0.0") == [("3.0.0", "^1")]
    assert walked(listed, "3.0.0", "1.0.0") == [("1.0.0", "^1")]


def test_of_several_migrations_the_one_that_meets_the_latest_release_is_taken() -> None:
    listed = releases(("1.0.0", ()), ("1.5.0", ()), ("2.0.0", (up("1.0.0"), up("1.5.0"))))
    assert walked(listed, "1.0.0", "2.0.0") == [("1.5.0", ""), ("2.0.0", "1.5.0")]


def test_a_migration_whose_range_names_no_release_on_the_way_is_not_taken() -> None:
    listed = releases(("1.0.0", ()), ("2.0.0", ()), ("3.0.0", (up("^1"),)))
    assert walked(listed, "2.0.0", "3.0.0") == [("3.0.0", "")]


def test_there_is_no_way_to_a_release_that_is_not_there() -> None:
    with pytest.raises(BadSchema):
        find_path(LONG, "1.0.0", "9.0.0")


# -- what is set


def way_of(
    listed: list[Release],
    bodies: Mapping[str, str],
    source: str,
    target: str,
    functions: Mapping[str, MigrationFunction] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - a value
) -> Converter:
    contracts = {version: contract(body, "A", version, limits) for version, body in bodies.items()}

    def between(release: Release) -> CompiledContract:
        return contracts[release.version]

    return make_converter(listed, contracts[source], contracts[target], between, functions or {}, limits)


def through(converter: Converter, tree: Any) -> Any:
    """JSON of the source as JSON of the target."""
    return converter.target.write_json(converter.convert(converter.source.read_json(tree).message)).tree


@pytest.mark.requirement("mediation.migrate")
def test_several_migrations_act_one_after_the_other_there_and_back() -> None:
    bodies = {release.version: "message A { string text = 1; }" for release in LONG}
    assert through(way_of(LONG, bodies, "1.0.0", "3.1.0"), {"text": "x"}) == {"text": "up"}
    assert through(way_of(LONG, bodies, "1.0.0", "3.0.0"), {"text": "x"}) == {"text": "x>>"}
    assert through(way_of(LONG, bodies, "3.1.0", "1.0.0"), {"text": "x"}) == {"text": "x<<"}
    assert way_of(LONG, bodies, "1.0.0", "1.1.0").identity
    assert not way_of(LONG, bodies, "1.1.0", "2.0.0").identity


def test_releases_that_numbers_alone_connect_need_no_migration_between_those_that_do() -> None:
    bodies = {
        "1.0.0": "message A { string name = 1; int32 gone = 2; }",
        "1.1.0": "message A { string title = 1; int32 gone = 2; }",
        "2.0.0": "message A { string title = 1; string size = 3; }",
        "2.1.0": "message A { string heading = 1; string size = 3; string more = 4; }",
    }
    steps = Migration("^1", up={"size": "string(old.gone) + ' m'"}, down={"gone": "int(old.size.replace(' m', ''))"})
    with pytest.raises(BadSchema):  # there is no replace() in the engine that migrations run on
        way_of(releases(("1.0.0", ()), ("2.0.0", (steps,))), bodies, "2.0.0", "1.0.0")
    steps = Migration("^1", up={"size": "string(old.gone) + ' m'"}, down={"gone": "size(old.size) - 2"})
    listed = releases(("1.0.0", ()), ("1.1.0", ()), ("2.0.0", (steps,)), ("2.1.0", ()))
    assert through(way_of(listed, bodies, "1.0.0", "2.1.0"), {"name": "n", "gone": 7}) == {
        "heading": "n",
        "size": "7 m",
    }
    assert through(way_of(listed, bodies, "2.1.0", "1.0.0"), {"heading": "n", "size": "1 m"}) == {
        "name": "n",
        "gone": 1,
    }


def moved(
    targets: Mapping[str, str],
    tree: Any,
    body: str = PLAIN,
    limits: Limits = Limits(),  # noqa: B008 - a value
) -> Any:
    """What one migration from a release to the next makes of JSON."""
    listed = releases(("1.0.0", ()), ("2.0.0", (Migration("^1", up=dict(targets)),)))
    return through(way_of(listed, {"1.0.0": PLAIN, "2.0.0": body}, "1.0.0", "2.0.0", limits=limits), tree)


@pytest.mark.parametrize(
    ("path", "expression", "result"),
    [
        ("text", "old.text + '!'", {"text": "t!"}),
        ("count", "old.count * 2", {"count": "14"}),
        ("count", "size(old.words)", {"count": "2"}),
        ("words", "old.words.filter(w, w != 'a')", {"words": ["b"]}),
        ("words", "old.words.map(w, w + w)", {"words": ["aa", "bb"]}),
        ("table", "{'k': old.count}", {"table": {"k": 7}}),
        ("inner", "{'name': old.text, 'depth': 3}", {"inner": {"name": "t", "depth": 3}}),
        ("inner.name", "old.text", {"inner": {"name": "t", "depth": 5}}),
        ("data", "old.data", {"data": "AQI="}),
        ("data", "b'xy'", {"data": "eHk="}),
        ("share", "double(old.count) / 2.0", {"share": 3.5}),
        ("at", "timestamp('2026-01-02T03:04:05.5Z')", {"at": "2026-01-02T03:04:05.500Z"}),
        ("at", "old.at", {"at": "2026-01-01T00:00:00Z"}),
        ("span", "duration('-1500ms')", {"span": "-1.500s"}),
        ("kind", "old.count > 5 ? 'E_ONE' : 'E_NONE'", {"kind": "E_ONE"}),
        ("kind", "old.kind == 'E_ONE' ? 0 : 1", {}),
        ("json", "{'a': [1, true, null, 'x']}", {"json": {"a": [1, True, None, "x"]}}),
        ("text", "null", {}),
    ],
)
@pytest.mark.requirement("mediation.migrate")
def test_an_expression_sets_its_field_and_no_other(path: str, expression: str, result: dict[str, Any]) -> None:
    tree: dict[str, Any] = {
        "text": "t",
        "count": "7",
        "words": ["a", "b"],
        "inner": {"name": "n", "depth": 5},
        "data": "AQI=",
        "at": "2026-01-01T00:00:00Z",
        "kind": "E_ONE",
    }
    name = path.partition(".")[0]
    rest = {key: value for key, value in tree.items() if key != name}
    assert moved({path: expression}, tree) == {**rest, **result}


def test_what_the_caller_left_out_is_there_for_an_expression_with_its_default() -> None:
    assert moved({"text": "old.text + string(old.count) + old.kind"}, {}) == {"text": "0E_NONE"}


def test_all_expressions_see_the_old_message_alone() -> None:
    assert moved({"text": "string(old.count)", "count": "size(old.text)"}, {"text": "abc", "count": 9}) == {
        "text": "9",
        "count": "3",
    }


# -- failing


def failed(targets: Mapping[str, str], tree: Any, **how: Any) -> ConversionFailed:
    with pytest.raises(ConversionFailed) as caught:
        moved(targets, tree, **how)
    return caught.value


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("count", "1 / old.count"),
        ("text", "old.words[7]"),
        ("text", "old.nothing"),
        ("text", "old.text.name"),
        ("text", "old.count + old.text"),
        ("count", "int(old.text)"),
        ("at", "timestamp(old.text)"),
        ("count", "'many'"),
        ("text", "5"),
        ("count", "1.5"),
        ("kind", "'E_TWO'"),
        ("words", "[1]"),
        ("words", "[null]"),
        ("inner", "{'nobody': 1}"),
        ("inner", "[]"),
        ("table", "{'a': 'b'}"),
        ("data", "'*'"),
        ("at", "'yesterday'"),
        ("inner.depth", "99999999999"),
    ],
)
@pytest.mark.requirement("mediation.migrate")
def test_an_expression_that_fails_is_named_with_its_path(path: str, expression: str) -> None:
    error = failed({path: expression}, {"text": "t"})
    assert error.code == "CONVERSION_FAILED"
    assert error.metadata["expression"] == expression
    assert (error.metadata["contract"], error.metadata["target"]) == ("p.A 1.0.0", "p.A 2.0.0")
    assert [place for place, _ in error.violations] == [path]


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("text", "old.text +"),
        ("text", ""),
        ("text", "'" + "x" * 2048 + "'"),
        ("text", "new.text"),
        ("text", "text"),
        ("text", "exec('x')"),
        ("text", "old.text.fly()"),
        ("no_field", "old.text"),
        ("inner.no_field", "old.text"),
        ("text.name", "old.text"),
        ("words.name", "old.text"),
        ("at.seconds", "1"),
        ("table.key", "1"),
        ("text", "old.text.matches(old.text) ? 'a' : 'b'"),
        ("text", "old.text.matches('(a{9}){9}') ? 'a' : 'b'"),
        ("count", "old.words.map(a, old.words.map(b, old.words.map(c, old.words.map(d, a + b + c + d)))).size()"),
    ],
)
@pytest.mark.requirement("mediation.migrate")
def test_a_migration_that_cannot_be_walked_is_refused_before_any_call(path: str, expression: str) -> None:
    with pytest.raises(BadSchema):
        moved({path: expression}, {})


def test_more_migrations_than_the_limit_are_not_walked() -> None:
    listed = releases(("1.0.0", ()), *((f"{major}.0.0", (both(f"^{major - 1}"),)) for major in range(2, 8)))
    bodies = {release.version: "message A { string text = 1; }" for release in listed}
    few = Limits(mediation_steps=5)
    assert through(way_of(listed, bodies, "2.0.0", "7.0.0", limits=few), {"text": ""}) == {"text": ">>>>>"}
    with pytest.raises(BadSchema):
        way_of(listed, bodies, "1.0.0", "7.0.0", limits=few)


# -- bounds


@pytest.mark.requirement("mediation.bounded")
@pytest.mark.parametrize(
    "expression",
    [
        "[old.text]" + ".map(x, x + x)" * 60 + "[0]",
        "[old.text].map(x, [x + x, x + x].map(y, [y + y].map(z, z + z)[0])[0])[0]" + " + old.text" * 100,
        " + ".join(["old.text"] * 200),
    ],
)
def test_a_text_that_an_expression_doubles_over_and_over_never_grows_large(expression: str) -> None:
    # Whichever bound meets it: too costly to compile, too large a message for it, or too large a result.
    with pytest.raises((BadSchema, ConversionFailed)):
        moved({"text": expression}, {"text": "x" * 200_000})


@pytest.mark.requirement("mediation.bounded")
def test_a_thousand_doublings_in_one_chain_of_releases_are_refused() -> None:
    listed = releases(
        ("1.0.0", ()),
        *((f"{major}.0.0", (up(f"^{major - 1}", text="old.text + old.text"),)) for major in range(2, 1002)),
    )
    bodies = {"1.0.0": "message A { string text = 1; }", "1001.0.0": "message A { string text = 1; }"}
    with pytest.raises(BadSchema):
        way_of(listed, bodies, "1.0.0", "1001.0.0")


@pytest.mark.requirement("mediation.bounded")
def test_a_chain_that_doubles_a_text_ends_at_the_size_that_a_result_may_have() -> None:
    listed = releases(
        ("1.0.0", ()), *((f"{major}.0.0", (up(f"^{major - 1}", text="old.text + old.text"),)) for major in range(2, 18))
    )
    bodies = {release.version: "message A { string text = 1; }" for release in listed}
    way = way_of(listed, bodies, "1.0.0", "17.0.0")
    assert len(through(way, {"text": "x"})["text"]) == 2**16
    with pytest.raises(ConversionFailed):
        through(way, {"text": "x" * 100})


@pytest.mark.requirement("mediation.bounded")
def test_a_result_that_is_too_large_is_refused() -> None:
    assert moved({"text": "old.text + old.text"}, {"text": "x" * 400}, limits=SMALL) == {"text": "x" * 800}
    assert failed({"text": "old.text + old.text"}, {"text": "x" * 600}, limits=SMALL).metadata["expression"]
    many = {"words": ["x"] * 100}
    assert failed({"words": "old.words + old.words"}, many, limits=SMALL).metadata["expression"]


@pytest.mark.requirement("mediation.bounded")
def test_a_message_too_large_for_a_costly_expression_is_refused_unread() -> None:
    # Run, this one would look at 1.6 thousand million pairs of words.
    expression = "old.words.filter(a, old.words.exists(b, a == b + 'x'))"
    assert moved({"words": expression}, {"words": ["a", "ax"]}) == {"words": ["ax"]}
    assert failed({"words": expression}, {"words": ["a"] * 40_000}).metadata["expression"] == expression


# -- functions that the operator installed


def join(old: dict[str, Any]) -> dict[str, Any]:
    return {"text": f"{old['text']} {old['count']}", "data": old["data"]}


def split(old: dict[str, Any]) -> dict[str, Any]:
    text, _, count = old["text"].rpartition(" ")
    return {"text": text, "count": int(count)}


def breaks(old: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError(old["text"])


def nonsense(old: dict[str, Any]) -> Any:
    return old["text"].join(["a", "b"])


def unknown(old: dict[str, Any]) -> dict[str, Any]:
    return {"text": "x", "stranger": old["text"]}


def opaque(old: dict[str, Any]) -> dict[str, Any]:
    return {"text": object(), "count": old}


def endless(old: dict[str, Any]) -> dict[str, Any]:
    old["inner"] = old
    return old


def nothing(old: dict[str, Any]) -> Any:
    old.clear()


def hand(
    function: str, tree: Any, functions: Mapping[str, MigrationFunction], source: str = "1.0.0", target: str = "2.0.0"
) -> Any:
    listed = releases(("1.0.0", ()), ("2.0.0", (Migration("^1", function=function),)))
    return through(way_of(listed, {"1.0.0": PLAIN, "2.0.0": PLAIN}, source, target, functions), tree)


@pytest.mark.requirement("mediation.migrate")
def test_an_installed_function_makes_the_whole_message_of_the_whole_message() -> None:
    tree = {"text": "t", "count": "7", "data": "AQI=", "words": ["w"]}
    assert hand("join", tree, {"join": join}) == {"text": "t 7", "data": "AQI="}


def test_an_installed_function_serves_the_way_down_if_it_says_how() -> None:
    def pair(old: dict[str, Any]) -> dict[str, Any]:
        return join(old)

    pair.__dict__["down"] = split
    there = hand("pair", {"text": "t", "count": "7"}, {"pair": pair})
    assert hand("pair", there, {"pair": pair}, "2.0.0", "1.0.0") == {"text": "t", "count": "7"}
    assert hand("join", there, {"join": join}, "2.0.0", "1.0.0") == there


@pytest.mark.parametrize("function", [breaks, nonsense, unknown, opaque, endless, nothing])
@pytest.mark.requirement("mediation.migrate")
def test_an_installed_function_that_fails_or_returns_nonsense_is_named(function: MigrationFunction) -> None:
    with pytest.raises(ConversionFailed) as caught:
        hand("mine", {"text": "secret"}, {"mine": function})
    assert caught.value.metadata["function"] == "mine"
    assert (caught.value.metadata["contract"], caught.value.metadata["target"]) == ("p.A 1.0.0", "p.A 2.0.0")


def test_what_a_failing_function_says_is_not_told_to_callers() -> None:
    with pytest.raises(ConversionFailed) as caught:
        hand("mine", {"text": "secret"}, {"mine": breaks})
    assert "secret" not in caught.value.message


def test_a_function_that_is_not_installed_is_refused_before_any_call() -> None:
    with pytest.raises(BadSchema):
        hand("nobody", {}, {"somebody": join})


@pytest.mark.requirement("mediation.migrate")
def test_functions_come_from_the_entry_points_of_their_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meshgate_test_moves.py").write_text(
        "def move(old):\n    return {'text': old['text'].upper()}\ntext = ''"
    )
    info = tmp_path / "meshgate_test_moves-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: meshgate-test-moves\nVersion: 1.0\n")
    points = ["loud = meshgate_test_moves:move", "gone = meshgate_test_moves:no", "odd = meshgate_test_moves:text"]
    points += ["lost = meshgate_test_none:move", "[another.group]", "other = meshgate_test_moves:move"]
    (info / "entry_points.txt").write_text("\n".join(["[meshgate.migrations]", *points]))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = installed_functions()
    assert found.keys() & {"loud", "gone", "odd", "lost", "other"} == {"loud"}
    assert hand("loud", {"text": "t"}, found) == {"text": "T"}


@pytest.mark.requirement("mediation.migrate")
def test_what_a_function_is_given_is_not_what_is_sent_on() -> None:
    way = way_of(
        releases(("1.0.0", ()), ("2.0.0", (Migration("^1", function="mine"),))),
        {"1.0.0": PLAIN, "2.0.0": PLAIN},
        "1.0.0",
        "2.0.0",
        {"mine": lambda old: {"text": old.pop("text")}},
    )
    source: CompiledContract = way.source
    message = source.read_json({"text": "t", "count": 3}).message
    before = source.write_bytes(message)
    way.convert(message)
    assert source.write_bytes(message) == before
