"""Selectors: what is one, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import VersionRange


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@1",
        "a b@1",
        "a/b",
        "-a",
        "a-",
        ".",
        "a" * 129,
        "s@x",
        "s@>",
        "s@>=",
        "s@~1",
        "s@1,<2",
        "s@*,<2",
        "s@^",
        "s@^x",
        "s@1,",
        "s@1,=b",
        "s@1,a=",
        "s@1,a==b",
        "s@1,a=b=c",
        "s@1,\u00e9",
        "s@1,a\n",
        "s@\u0661",
        "s@>=3,<2",
        "s@>1,<1",
        "s@1," + "t," * 300 + "t",
        "a\x00",
        "a\n",
        "s@1\n",
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        parse_selector(text)


@given(st.text(max_size=40) | st.from_regex(r"[a-z]{1,4}@[0-9^<>=.,a-z*-]{0,20}", fullmatch=True))
def test_any_text_is_a_selector_or_refused_as_one(text: str) -> None:
    try:
        selector = parse_selector(text)
    except InvalidParams:
        return
    assert bool(selector.agent) != bool(selector.skill)
    assert str(selector) == text


def test_a_name_alone_is_an_agent_and_a_name_with_an_at_sign_a_skill() -> None:
    assert parse_selector("summariser").agent == "summariser"
    skill = parse_selector("summarise@>=2.1, <3,region=eu, fast")
    assert (skill.agent, skill.skill) == ("", "summarise")
    assert (skill.labels, skill.tags) == ((("region", "eu"),), ("fast",))
    assert skill.versions == VersionRange(parse_version("2.1"), parse_version("3"))


def test_of_several_bounds_the_tightest_counts() -> None:
    assert parse_selector("s@>=1,>=2,<5,<4").versions == VersionRange(parse_version("2"), parse_version("4"))
