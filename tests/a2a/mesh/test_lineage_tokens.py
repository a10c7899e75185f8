import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.mesh.lineage_tokens import MAX_TOKEN, mint, verify

KEY, OTHER = b"k" * 32, b"o" * 32
LINEAGE = Lineage(
    job="gw-1.abc",
    parent="call-1",
    path=(Step("planner", "plan"), Step("writer", "write")),
    remaining=12.5,
    audience="writer",
    links=("call-2",),
    budget="account",
)
TOKEN = mint(LINEAGE, KEY, "k1")
_texts = st.text(max_size=8)
lineages = st.builds(
    Lineage,
    job=_texts,
    parent=_texts,
    path=st.lists(st.builds(Step, _texts, _texts), max_size=3).map(tuple),
    remaining=st.floats(0, 1e6),
    audience=_texts,
    inferred=st.sampled_from(["", "open", "after"]),
    links=st.lists(_texts, max_size=2).map(tuple),
    budget=_texts,
)


@given(lineages)
def test_a_token_says_what_was_put_into_it(lineage: Lineage) -> None:
    assert verify(mint(lineage, KEY, "k1"), {"k0": OTHER, "k1": KEY}, lineage.audience) == lineage


@pytest.mark.parametrize("at", range(len(TOKEN)))
@pytest.mark.requirement("a2a.token")
def test_a_token_with_any_character_changed_is_none(at: int) -> None:
    for character in "A1.-_=\u00e9":
        if TOKEN[at] != character:
            assert verify(TOKEN[:at] + character + TOKEN[at + 1 :], {"k1": KEY}, "writer") is None


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_a_token_with_a_character_more_or_less_is_none(at: int) -> None:
    assert verify(TOKEN[:at] + TOKEN[at + 1 :], {"k1": KEY}, "writer") is None
    assert verify(TOKEN[:at] + "A" + TOKEN[at:], {"k1": KEY}, "writer") is None
    assert verify(TOKEN[:at], {"k1": KEY}, "writer") is None


@pytest.mark.parametrize("keys", [{}, {"k1": OTHER}, {"k2": KEY}, {"K1": KEY}])
def test_a_token_of_another_key_is_none(keys: dict[str, bytes]) -> None:
    assert verify(TOKEN, keys, "writer") is None


@pytest.mark.parametrize("audience", ["", "planner", "Writer", "writer ", "write", "writer\u00e9"])
@pytest.mark.requirement("a2a.token")
def test_a_token_that_was_given_to_another_agent_is_none(audience: str) -> None:
    assert verify(TOKEN, {"k1": KEY}, audience) is None


def test_the_key_id_is_covered_by_the_mac() -> None:
    assert verify(TOKEN.replace(".k1.", ".k2."), {"k1": KEY, "k2": KEY}, "writer") is None


def test_a_token_over_the_longest_is_none_even_if_genuine() -> None:
    long = mint(Lineage(job="j" * MAX_TOKEN, parent="", audience="a"), KEY, "k1")
    assert verify(long, {"k1": KEY}, "a") is None


def test_the_deepest_path_of_the_longest_names_fits() -> None:
    path = (Step("a" * 128, "s" * 128),) * 8
    lineage = Lineage("g" * 64, "c" * 64, path, 1.0, "a" * 128, links=("l" * 64,) * 8)
    assert verify(mint(lineage, KEY, "k1"), {"k1": KEY}, "a" * 128) == lineage


@given(st.text(max_size=60) | st.lists(st.text(max_size=9), min_size=4, max_size=4).map(".".join))
def test_any_text_is_no_token(text: str) -> None:
    assert verify(text, {"k1": KEY, "": KEY}, "writer") is None
