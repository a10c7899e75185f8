"""Versions and ranges, against a second reading of semver.org."""

import functools
import operator
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.version_syntax import parse_version

# -- a second reading of semver.org 2.0.0, from its text alone: versions stay strings, order is section 11 word by word

Numbers = tuple[int, int, int]


def numbers(text: str) -> Numbers:
    given_parts = re.split(r"[-+]", text, maxsplit=1)[0].split(".")
    major, minor, patch = [int(part) for part in given_parts] + [0] * (3 - len(given_parts))
    return major, minor, patch


def marks(text: str) -> list[str]:
    _, dash, rest = text.partition("+")[0].partition("-")
    return rest.split(".") if dash else []


def precedence(left: str, right: str) -> int:
    if numbers(left) != numbers(right):
        return -1 if numbers(left) < numbers(right) else 1
    a, b = marks(left), marks(right)
    if not a or not b:
        return (not a) - (not b)
    for one, other in zip(a, b, strict=False):
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return -1 if int(one) < int(other) else 1
        if one.isdigit() != other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one < other else 1
    return (len(a) > len(b)) - (len(a) < len(b))


COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def holds(version: str, bounds: list[tuple[str, str]]) -> bool:
    """Whether the version is in the range, by trying each bound; a pre-release needs a bound that names its like."""
    named = any(marks(bound) and numbers(bound) == numbers(version) for _, bound in bounds)
    return (not marks(version) or named) and all(COMPARE[sign](precedence(version, bound), 0) for sign, bound in bounds)


_small = st.integers(0, 3).map(str)
_mark = st.sampled_from(["0", "1", "2", "10", "alpha", "beta", "rc", "a-1", "1a", "-"])
finals = st.tuples(_small, _small, _small).map(".".join)
pre_releases = st.tuples(finals, st.lists(_mark, min_size=1, max_size=3).map(".".join)).map("-".join)
versions = finals | pre_releases
bounds_of = st.lists(st.tuples(st.sampled_from(list(COMPARE)), versions), min_size=1, max_size=3)


@given(versions, versions)
@pytest.mark.requirement("a2a.versions")
def test_versions_sort_as_semver_says(left: str, right: str) -> None:
    ours = (parse_version(left) > parse_version(right)) - (parse_version(left) < parse_version(right))
    assert ours == precedence(left, right)


@given(st.lists(versions, max_size=8))
def test_sorting_is_the_same_as_by_the_second_reading(several: list[str]) -> None:
    ours = [str(version) for version in sorted(parse_version(each) for each in several)]
    assert ours == [str(parse_version(each)) for each in sorted(several, key=functools.cmp_to_key(precedence))]


@given(versions)
def test_a_version_is_read_back_from_its_text(text: str) -> None:
    assert str(parse_version(text)) == text
    assert parse_version(str(parse_version(text))) == parse_version(text)


@given(versions, st.sampled_from(["+build", "+1.2", "+a-b.001"]))
def test_build_metadata_counts_for_nothing(text: str, build: str) -> None:
    assert parse_version(text + build) == parse_version(text)


@given(versions, bounds_of)
@pytest.mark.requirement("a2a.versions")
def test_a_range_holds_what_every_bound_allows(version: str, bounds: list[tuple[str, str]]) -> None:
    text = "s@" + ",".join(sign + bound for sign, bound in bounds)
    try:
        found = parse_version(version) in parse_selector(text).versions
    except InvalidParams:
        found = False  # a range that no version is in is refused as a mistake
    assert found == holds(version, bounds)


@given(versions, st.integers(0, 3), st.integers(0, 3))
def test_a_bare_version_means_everything_that_begins_with_it(version: str, major: int, minor: int) -> None:
    for text, length in ((f"{major}", 1), (f"{major}.{minor}", 2)):
        expected = not marks(version) and numbers(version)[:length] == (major, minor)[:length]
        assert (parse_version(version) in parse_selector(f"s@{text}").versions) == expected


@given(versions, versions)
def test_a_whole_version_means_itself_alone(version: str, asked: str) -> None:
    found = parse_version(version) in parse_selector(f"s@{asked}").versions
    assert found == (precedence(version, asked) == 0)


@given(versions, versions)
def test_a_caret_keeps_the_leftmost_part_that_is_not_zero(version: str, low: str) -> None:
    parts = numbers(low)
    fixed = next((index for index, part in enumerate(parts) if part), 2) + 1
    expected = numbers(version)[:fixed] == parts[:fixed] and holds(version, [(">=", low)])
    assert (parse_version(version) in parse_selector(f"s@^{low}").versions) == expected


@pytest.mark.parametrize("selector", ["s@*", "s@", "s@<3", "s@>1.2.3", "s@^2", "s@2", "s@>=2.0.0-rc.1"])
@pytest.mark.parametrize("version", ["2.1.0-rc.1", "3.0.0-rc.1", "9.0.0-alpha"])
def test_nobody_gets_an_unfinished_version_who_did_not_name_one(selector: str, version: str) -> None:
    assert parse_version(version) not in parse_selector(selector).versions


def test_a_pre_release_that_was_named_is_found_with_its_later_ones() -> None:
    asked = parse_selector("s@^2.0.0-rc.1").versions
    found = [
        text for text in ("2.0.0-rc.0", "2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "2.4.0") if parse_version(text) in asked
    ]
    assert found == ["2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "2.4.0"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        "1.",
        ".1",
        "1.2.3.4",
        "01",
        "1.02",
        "-1",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3-01",
        "1.2.3+",
        "1.2.3+a..b",
        "1 .2",
        "1\n",
        "\u0661",
        "1.\u0662",
        "9999999999",
        "1.2.3-" + "a." * 9 + "a",
        "1.2.3-" + "a" * 129,
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        parse_version(text)
