"""What ``meshgate schema diff`` says of two schemas: what changed, and what becomes of data both ways."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.cli.schema.changes import Change, changes, diff_of
from meshgate.cli.schema.model import MessageRef, ReleaseView, SubjectView
from meshgate.registry.schemas import Image
from tests.registry.schemas.build import image

TABLE: dict[str, tuple[str, str, list[tuple[str, str, str, str]]]] = {
    "nothing": ("message A { string a = 1; }", "message A { string a = 1; }", []),
    "a field added": (
        "message A { string a = 1; }",
        "message A { string a = 1; repeated int32 b = 2; }",
        [("p.A.b", "added: list of int32, number 2", "ok", "ok")],
    ),
    "a field removed and reserved": (
        "message A { string a = 1; int32 b = 2; }",
        'message A { string a = 1; reserved 2; reserved "b"; }',
        [("p.A.b", "removed: int32, number 2", "ok", "ok")],
    ),
    "a field removed and not reserved": (
        "message A { string a = 1; int32 b = 2; }",
        "message A { string a = 1; }",
        [("p.A.b", "removed: int32, number 2, which is not reserved", "lost", "lost")],
    ),
    "a field renamed": (
        "message A { string a = 1; }",
        "message A { string b = 1; }",
        [("p.A.b", "was called a", "translated", "translated")],
    ),
    "a field of another type": (
        "message A { string a = 1; }",
        "message A { int32 a = 1; }",
        [("p.A.a", "was string, is int32", "lost", "lost")],
    ),
    "a wider type": (
        "message A { int32 a = 1; }",
        "message A { int64 a = 1; }",
        [("p.A.a", "was int32, is int64", "ok", "lost")],
    ),
    "a field within a message within a list": (
        "message A { repeated B b = 1; } message B { A a = 1; }",
        "message A { repeated B b = 1; } message B { A a = 1; bool c = 2; }",
        [("p.B.c", "added: bool, number 2", "ok", "ok")],
    ),
    "a value added": (
        "message A { E e = 1; } enum E { X = 0; }",
        "message A { E e = 1; } enum E { X = 0; Y = 1; }",
        [("p.E.Y", "added: value 1", "ok", "translated")],
    ),
    "a constraint": (
        "message A { string a = 1; }",
        "message A { string a = 1 [(buf.validate.field).string.max_len = 3]; }",
        [("p.A.a", "", "lost", "ok")],
    ),
}


@pytest.mark.parametrize("what", TABLE)
@pytest.mark.requirement("cli.schema.life")
def test_each_change_is_told_with_what_becomes_of_data(what: str) -> None:
    old, new, expected = TABLE[what]
    found = changes(image(old), image(new), "p.A", "p.A")
    assert [
        (one.path, one.what if text else "", one.up, one.down)
        for one, (_, text, *_) in zip(found, expected, strict=True)
    ] == expected


def test_a_side_that_comes_or_goes_is_told() -> None:
    assert changes(None, None, "", "") == ()
    assert changes(None, image("message A {}"), "", "p.A") == ()
    (gone,) = changes(image("message A {}"), None, "p.A", "")
    assert (gone.path, gone.up, gone.down) == ("p.A", "lost", "lost")


OLD = image("message A { string name = 1; double speed = 2; string was = 3; }")
NEW = image("message Wind { double speed = 1; } message A { int32 name = 1; reserved 2, 3; Wind wind = 4; }")


def fates(*migrations: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one.path: (one.up, one.down) for one in changes(OLD, NEW, "p.A", "p.A", migrations)}


def test_what_a_migration_sets_is_migrated() -> None:
    assert fates()["p.A.name"] == ("lost", "lost")
    given = {"from": "^1", "up": {"wind.speed": "old.speed", "name": "1"}, "down": {"speed": "old.wind.speed"}}
    found = fates(given)
    assert found["p.A.name"] == ("migrated", "lost")
    assert found["p.A.wind"][0] == "migrated"
    assert found["p.A.speed"][1] == "migrated"
    assert found["p.A.was"][1] != "migrated"


def test_an_installed_function_is_taken_at_its_word() -> None:
    assert fates({"from": "^1", "function": "convert"})["p.A.name"] == ("migrated", "migrated")


def subject(*releases: tuple[str, Image, list[dict[str, Any]]]) -> tuple[SubjectView, dict[str, Image]]:
    made = tuple(
        ReleaseView(version, input=MessageRef("p.A", one.digest), migrations=tuple(migrations))
        for version, one, migrations in releases
    )
    return SubjectView("a/b", releases=made), {version: one for version, one, _ in releases}


def test_migrations_of_the_releases_on_the_way_count_and_others_do_not() -> None:
    to_name = {"from": "^1", "up": {"name": "1"}, "down": {}}
    foreign = {"from": "^7", "up": {"wind": "1"}, "down": {}}
    known, images = subject(("1.0.0", OLD, []), ("2.0.0", NEW, [to_name, foreign]), ("2.1.0", NEW, []))

    def get(version: str, side: str) -> Image | None:
        return images[version] if side == "input" else None

    found = diff_of(known, known.releases[0], known.releases[2], get)
    assert found.major
    assert found.migrations == (to_name,)
    assert {one.path: one.up for one in found.input}["p.A.name"] == "migrated"
    assert found.output == ()
    assert diff_of(known, known.releases[1], known.releases[2], get).migrations == ()


def test_a_migration_of_the_other_side_says_nothing_of_this_one() -> None:
    given = {"from": "^1", "up": {"name": "1"}, "side": "output"}
    known, images = subject(("1.0.0", OLD, []), ("2.0.0", NEW, [given]))
    old, new = known.releases
    found = diff_of(known, old, new, lambda version, side: images[version] if side == "input" else None)
    assert isinstance(found.input[0], Change)
    assert {one.path: one.up for one in found.input}["p.A.name"] == "lost"
