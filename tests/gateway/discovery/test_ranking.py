"""How well agents fit what is looked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.ranking import WordRanking
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


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_only_the_first_words_of_a_long_text_are_looked_at_and_its_name_before_all_else() -> None:
    many = " ".join(f"w{number}" for number in range(3000))
    late = entry("late", description=f"{many} contracts", skills=("leases",))
    assert await order("leases", late) == ["late"]
    assert await order("w1990", late) == ["late"]
    assert await order("contracts w2500", late) == []


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_while_many_agents_are_prepared_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await WordRanking().index([entry(f"a{number}", description="contracts") for number in range(1000)])
    task.cancel()
    assert turns >= 9
