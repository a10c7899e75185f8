"""How well agents fit what is looked for."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.word_index import WordRanking
from tests.gateway.discovery.crew import entry
from tests.support.virtual_loop import virtual_time


async def found(text: str, *entries: AgentEntry) -> list[tuple[str, int]]:
    index = await WordRanking().index(entries)
    return [(one.entry.agent, one.score) for one in index.find(text)]


async def order(text: str, *entries: AgentEntry) -> list[str]:
    return [agent for agent, _ in await found(text, *entries)]


@pytest.mark.requirement("catalogue.ranked")
@virtual_time
async def test_what_has_more_of_the_words_comes_first_and_what_has_none_does_not_come() -> None:
    both = entry("one", description="Translates contracts")
    either = entry("two", description="Compares contracts")
    neither = entry("three", description="Knows the weather")
    assert await order("translate a contract", neither, either, both) == ["one", "two"]


@pytest.mark.requirement("catalogue.ranked")
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"skills": ("translate",)}, {"tags": ("translate",)}),
        ({"tags": ("translate",)}, {"examples": ("translate",)}),
        ({"examples": ("translate",)}, {"description": "translate"}),
    ],
)
@virtual_time
async def test_a_name_counts_more_than_a_tag_that_more_than_an_example_and_that_more_than_a_description(
    better: dict[str, Any], worse: dict[str, Any]
) -> None:
    # The length of both is the same: what one has more weight for is made up for by words that nobody asks for.
    first, second = await found("translate", entry("b", **better), entry("a", **worse))
    assert (first[0], second[0]) == ("b", "a")
    assert first[1] > second[1]


@pytest.mark.requirement("catalogue.ranked")
@virtual_time
async def test_a_rare_word_says_more_than_a_usual_one() -> None:
    usual = [entry(f"u{number}", description="handles documents well") for number in range(5)]
    rare = entry("z", description="handles contracts well")
    assert (await order("documents contracts", *usual, rare))[0] == "z"


@virtual_time
async def test_a_word_in_a_short_text_says_more_than_in_a_long_one() -> None:
    long = entry("a", description="contracts and " + " ".join(f"word{number}" for number in range(50)))
    short = entry("b", description="contracts and leases")
    assert await order("contracts", long, short) == ["b", "a"]


@virtual_time
async def test_equal_ones_come_by_identifier_and_a_second_search_finds_the_same() -> None:
    entries = [entry(name, description="contracts") for name in ("c", "a", "b")]
    index = await WordRanking().index(entries)
    assert [one.entry.agent for one in index.find("contract")] == ["a", "b", "c"]
    assert index.find("contract") == index.find("contract")


@pytest.mark.parametrize("text", ["", "—", "weather"])
@virtual_time
async def test_without_a_word_or_an_agent_nothing_is_found(text: str) -> None:
    assert await found(text, entry("a", description="contracts")) == []
    assert await found(text) == []


@virtual_time
async def test_an_agent_without_any_word_of_its_own_is_never_found_and_harms_nobody() -> None:
    empty = AgentEntry("k", "urn:air:a.example:x", "-", "-", "1", "", (), (), (), ())
    assert await found("contracts", empty) == []
    assert await order("contracts", empty, entry("a", description="contracts")) == ["a"]


WORDS = st.lists(st.sampled_from(["contract", "lease", "rain", "translate", "the", "german"]), max_size=6).map(" ".join)


@pytest.mark.requirement("catalogue.ranked")
@given(text=WORDS, texts=st.lists(st.tuples(WORDS, WORDS), max_size=6))
def test_a_score_is_a_whole_number_of_1_to_100_and_falls(text: str, texts: list[tuple[str, str]]) -> None:
    entries = [entry(f"a{at}", description=one, tags=tuple(tags.split())) for at, (one, tags) in enumerate(texts)]
    scores = [score for _, score in asyncio.run(found(text, *entries))]
    assert scores == sorted(scores, reverse=True)
    assert all(type(score) is int and 1 <= score <= 100 for score in scores)


def bm25(text: str, documents: dict[str, dict[str, float]]) -> dict[str, int]:
    """BM25 as a textbook has it (k1 = 1.2, b = 0.75), as a share of what all words together could say."""
    lengths = {name: sum(words.values()) for name, words in documents.items()}
    average = sum(lengths.values()) / len(lengths)
    scores = dict.fromkeys(documents, 0.0)
    best = 0.0
    for word in text.split():
        having = [name for name, words in documents.items() if word in words]
        idf = math.log(1 + (len(documents) - len(having) + 0.5) / (len(having) + 0.5))
        best += idf
        for name in having:
            count = documents[name][word]
            scores[name] += idf * count / (count + 1.2 * (1 - 0.75 + 0.75 * lengths[name] / average))
    return {name: round(100 * score / best) for name, score in scores.items() if score}


@pytest.mark.requirement("catalogue.ranked")
@pytest.mark.parametrize(
    "text", ["lamp", "lamp oak", "oak fox", "bird", "lamp oak fox bird none", "x", "y z", "fox bird"]
)
@virtual_time
async def test_scores_are_those_of_the_formula_with_the_weights_of_the_places(text: str) -> None:
    entries = [
        entry("x", description="lamp lamp oak tree", tags=("oak",), examples=("fox",)),
        entry("y", skills=("lamp", "bird"), description="fox fox fox fox hill sand bird"),
        entry("z", tags=("bird", "fox"), skill_texts=("oak bird",), examples=("lamp bird sand", "hill")),
    ]
    documents: dict[str, dict[str, float]] = {
        "x": {"x": 3, "lamp": 2, "oak": 1 + 2, "tree": 1, "fox": 1.5},
        "y": {"y": 3, "lamp": 3, "bird": 3 + 1, "fox": 4, "hill": 1, "sand": 1},
        "z": {"z": 3, "bird": 2 + 1 + 1.5, "fox": 2, "oak": 1, "lamp": 1.5, "sand": 1.5, "hill": 1.5},
    }
    assert dict(await found(text, *entries)) == bm25(text, documents)


@pytest.mark.requirement("catalogue.ranked")
@virtual_time
async def test_an_agent_is_found_by_the_name_on_its_card_too() -> None:
    one = entry("a1", description="contracts")
    assert await order("notary", one) == []
    assert await order("notary", msgspec.structs.replace(one, name="The Notary", key="k")) == ["a1"]


@virtual_time
async def test_what_hardly_fits_has_a_score_of_1() -> None:
    every = [entry(f"a{number}", description="contracts") for number in range(30)]
    assert {score for _, score in await found("contracts nowhere never nothing nobody", *every)} == {1}


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_only_the_first_words_of_a_search_are_looked_for() -> None:
    text = " ".join(f"w{number}" for number in range(33))
    assert await order(text, entry("a", description="w31"), entry("b", description="w32")) == ["a"]


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_only_the_first_words_of_an_agent_are_looked_at_those_of_its_name_before_all_else() -> None:
    many = " ".join(f"w{number}" for number in range(3000))
    late = entry("late", description=f"{many} contracts", skills=("leases",), skill_texts=("beyond",))
    for word, is_found in [
        ("leases", True),
        ("w1997", True),
        ("w1998", False),
        ("contracts", False),
        ("beyond", False),
    ]:
        assert bool(await order(word, late)) == is_found, word


def kept(ranking: WordRanking) -> dict[Any, Any]:
    """The words that a ranking has at hand, by the entries' keys, in their order."""
    return dict(ranking._documents)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_the_words_of_an_agent_are_looked_at_once_and_kept_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = (entry(name, description="contracts") for name in ("a", "b", "c"))
    ranking = WordRanking()
    for entries in ([one, two], [one]):
        await ranking.index(entries)
        assert kept(ranking).keys() == {"a", "b"}
    first = kept(ranking)["a"]
    await ranking.index([one, two])
    assert kept(ranking)["a"] is first
    monkeypatch.setattr("meshgate.gateway.discovery.word_index._KEPT", 2)
    ranking = WordRanking()
    for entries, names in (([one, two], ["a", "b"]), ([one], ["b", "a"]), ([three], ["a", "c"])):
        await ranking.index(entries)
        assert list(kept(ranking)) == names, "the one that was asked for longest ago goes"


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_while_many_agents_are_prepared_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgate.gateway.discovery.word_index._AT_ONCE", 2)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await asyncio.sleep(0)
    assert turns == 1
    await WordRanking().index([entry(f"a{number}", description="contracts") for number in range(5)])
    task.cancel()
    assert turns == 3
