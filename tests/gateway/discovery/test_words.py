"""The words of a text in the form in which a search compares them."""

from __future__ import annotations

import pytest

from meshgate.gateway.discovery.words import search_words, stems


@pytest.mark.requirement("catalogue.ranked")
@pytest.mark.parametrize(
    "same",
    [
        ("translate", "translates", "translated", "translating", "translation", "translations", "translator"),
        ("contract", "contracts", "contracting", "Contract", "CONTRACTS"),
        ("summary", "summaries", "summarise", "summarize", "summariser", "summarizing"),
        ("booking", "book", "books", "booked"),
        ("invoice", "invoices", "invoicing"),
        ("straße", "STRASSE"),
        ("ﬁle", "file", "files"),
        ("Übersetzer", "übersetzer"),
    ],
    ids=lambda words: str(words[0]),
)
def test_forms_of_a_word_are_one_word(same: tuple[str, ...]) -> None:
    assert len({tuple(stems(word)) for word in same}) == 1


@pytest.mark.parametrize("word", ["rate", "used", "is", "as", "ring", "s", "ize", "a1", "42"])
def test_a_short_word_keeps_its_ending(word: str) -> None:
    assert stems(word) == [word]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("WeatherTool get_weather", ["weath", "tool", "get", "weath"]),
        ("PDF to text: 2 pages!", ["pdf", "to", "text", "2", "page"]),
        ("", []),
        ("—…_", []),
        ("契約書 翻訳", ["契約書", "翻訳"]),
    ],
)
def test_what_is_neither_letter_nor_digit_and_an_inner_capital_end_a_word(text: str, words: list[str]) -> None:
    assert stems(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("translate a contract", ["transl", "contract"]),
        ("Please help me to translate the contract into German", ["transl", "contract", "germ" + "an"]),
        ("contract contracts CONTRACT", ["contract"]),
        ("what can you do for me", ["what", "can", "you", "do", "for", "me"]),
        ("", []),
    ],
)
def test_words_that_say_nothing_are_looked_for_only_where_there_is_no_other(text: str, words: list[str]) -> None:
    assert search_words(text, 32) == words


def test_only_the_first_different_words_are_looked_for() -> None:
    assert search_words("red red green blue", 2) == ["red", "green"]
