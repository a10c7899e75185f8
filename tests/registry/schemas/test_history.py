"""Which differences count: directions, neighbours, forms, and what a gateway makes up for."""

from __future__ import annotations

import pytest

from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.schemas import Mode, ReleaseSide, judge
from meshgate.registry.schemas.modes import FORMS
from tests.registry.schemas.build import image

NARROW, WIDE = "message A { int32 a = 1; }", "message A { int64 a = 1; }"
RENAMED = "message A { int32 b = 1; }"


def contract(version: str, body: str) -> ReleaseSide:
    return ReleaseSide(parse_version(version), image(body), "p.A")


def rules(history: list[ReleaseSide], release: ReleaseSide, mode: Mode) -> set[tuple[str, str]]:
    return {(one.rule, one.against) for one in judge(history, release, mode)}


@pytest.mark.parametrize(
    ("mode", "grows", "shrinks"),
    [
        (Mode.BACKWARD, True, False),
        (Mode.BACKWARD_TRANSITIVE, True, False),
        (Mode.FORWARD, False, True),
        (Mode.FORWARD_TRANSITIVE, False, True),
        (Mode.FULL, False, False),
        (Mode.FULL_TRANSITIVE, False, False),
        (Mode.NONE, True, True),
    ],
)
@pytest.mark.requirement("schema.modes")
def test_a_mode_says_in_which_direction_data_must_be_read(mode: Mode, grows: bool, shrinks: bool) -> None:
    assert (judge([contract("1.0.0", NARROW)], contract("1.1.0", WIDE), mode) == ()) is grows
    assert (judge([contract("1.0.0", WIDE)], contract("1.1.0", NARROW), mode) == ()) is shrinks


@pytest.mark.requirement("schema.modes")
def test_only_transitive_modes_look_further_than_the_release_before() -> None:
    # 1.1 said nothing of its input, so 1.2 breaks 1.0 and not 1.1.
    history = [contract("1.0.0", WIDE), ReleaseSide(parse_version("1.1.0"))]
    release = contract("1.2.0", NARROW)

    assert rules(history, release, Mode.BACKWARD) == set()
    assert rules(history, release, Mode.BACKWARD_TRANSITIVE) == {("wire-type", "1.0.0"), ("json-type", "1.0.0")}


@pytest.mark.requirement("schema.modes")
def test_another_major_version_is_free() -> None:
    history = [contract("1.0.0", WIDE), contract("3.0.0", WIDE)]

    assert judge(history, contract("2.0.0", "message A { string a = 1; }"), Mode.FULL_TRANSITIVE) == ()


@pytest.mark.requirement("schema.backport")
def test_a_backport_is_judged_against_both_neighbours() -> None:
    history = [contract("1.0.0", NARROW), contract("1.2.0", NARROW)]
    # Wider than both: 1.1 reads 1.0, and 1.2 does not read 1.1.
    release = contract("1.1.0", WIDE)

    assert rules(history, release, Mode.BACKWARD) == {("wire-type", "1.2.0"), ("json-type", "1.2.0")}
    assert rules(history, release, Mode.FORWARD) == {("wire-type", "1.0.0"), ("json-type", "1.0.0")}


def test_a_reason_that_several_releases_give_is_told_once_with_the_nearest() -> None:
    history = [contract(f"1.{minor}.0", WIDE) for minor in range(4)]

    assert rules(history, contract("1.9.0", NARROW), Mode.BACKWARD_TRANSITIVE) == {
        ("wire-type", "1.3.0"),
        ("json-type", "1.3.0"),
    }


def test_only_the_forms_that_a_skill_takes_count() -> None:
    history, release = [contract("1.0.0", NARROW)], contract("1.1.0", RENAMED)

    assert [one.rule for one in judge(history, release, Mode.FULL)] == ["json-name"]
    assert judge(history, release, Mode.FULL, frozenset({"wire"})) == ()
    assert len(judge(history, release, Mode.FULL, frozenset({"json"}))) == 1


@pytest.mark.requirement("schema.mediated")
def test_what_a_gateway_makes_up_for_does_not_count_where_it_does() -> None:
    history = [contract("1.0.0", NARROW)]

    assert judge(history, contract("1.1.0", RENAMED), Mode.FULL, mediated=True) == ()
    assert judge(history, contract("1.1.0", "message A { string a = 1; }"), Mode.FULL, mediated=True) != ()


@pytest.mark.requirement("schema.mediated")
def test_where_a_gateway_converts_the_binary_form_counts_even_if_no_payload_has_it() -> None:
    history, release = [contract("1.0.0", NARROW)], contract("1.1.0", "message A { sint32 a = 1; }")
    only_json = FORMS - {"wire"}

    assert judge(history, release, Mode.FULL, only_json) == ()
    assert [one.rule for one in judge(history, release, Mode.FULL, only_json, mediated=True)] == ["wire-type"]
