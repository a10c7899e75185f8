"""Ranking: how well an agent fits what is looked for. ``Ranking`` is the interface; ``WordRanking`` compares words."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.words import search_words, stems

__all__ = ["Ranked", "Ranking", "SearchIndex", "WordIndex", "WordRanking"]

_MOST_WORDS = 32
"""Different words of a search that are looked for, the first ones."""
_INDEXED = 2000
"""Words of an agent that are looked at, those of its name first."""
_KEPT = 20_000
"""Agents whose words are kept."""
_AT_ONCE = 100
"""Agents that are prepared in one step of the event loop."""

_NAME, _TAG, _EXAMPLE, _DESCRIPTION = 3.0, 2.0, 1.5, 1.0
"""What a word counts, by where it stands."""
_SATURATION, _LENGTH = 1.2, 0.75
"""BM25's k1 and b, as is usual: how soon more of a word says no more, and how much a long text counts less."""
_FULL = 100
"""The best score (ARD 0.91, section 5.3.2)."""


class Ranked(NamedTuple):
    """An agent that was found, with its score: 1 to 100, higher is better."""

    entry: AgentEntry
    score: int


class SearchIndex(Protocol):
    """The agents that one caller may use, prepared for searches."""

    def find(self, text: str, /) -> list[Ranked]:
        """The agents that fit a text, best first, equal ones by identifier."""
        ...


class Ranking(Protocol):
    """Prepares agents for searches. A ranking by meaning takes the place of the one by words here."""

    async def index(self, entries: Sequence[AgentEntry], /) -> SearchIndex:
        """An index of these entries.

        Nothing else may change what it finds: the entries are all that the caller may know.
        """
        ...


class WordRanking:
    """Compares the words of names, tags, examples and descriptions (BM25)."""

    def __init__(self) -> None:
        self._documents: OrderedDict[Hashable, _Document] = OrderedDict()

    async def index(self, entries: Sequence[AgentEntry], /) -> WordIndex:
        """See ``Ranking.index``."""
        found = WordIndex()
        for at, entry in enumerate(entries, 1):
            found.add(entry, self._document(entry))
            if at % _AT_ONCE == 0:
                await asyncio.sleep(0)  # others have their turn
        return found

    def _document(self, entry: AgentEntry) -> _Document:
        found = self._documents.get(entry.key)
        if found is None:
            found = self._documents[entry.key] = _document_of(entry)
            if len(self._documents) > _KEPT:
                self._documents.popitem(last=False)
        else:
            self._documents.move_to_end(entry.key)
        return found


class WordIndex:
    """The words of some agents. How rare a word is, is counted over these alone."""

    def __init__(self) -> None:
        self._entries: list[AgentEntry] = []
        self._documents: list[_Document] = []
        self._having: dict[str, array[int]] = {}
        """The positions of the agents that have a word."""
        self._length = 0.0

    def add(self, entry: AgentEntry, document: _Document) -> None:
        """Take an agent in, with its words."""
        position = len(self._entries)
        self._entries.append(entry)
        self._documents.append(document)
        self._length += document.length
        for word in document.words:
            having = self._having.get(word)
            if having is None:
                having = self._having[word] = array("L")
            having.append(position)

    def find(self, text: str, /) -> list[Ranked]:
        """See ``SearchIndex.find``."""
        every = len(self._entries)
        average = self._length / every if self._length else 1.0
        scores: dict[int, float] = {}
        best = 0.0
        for word in search_words(text, _MOST_WORDS):
            having = self._having.get(word, ())
            worth = _rarity(len(having), every)
            best += worth
            for position in having:
                document = self._documents[position]
                count = document.words[word]
                dampened = _SATURATION * (1 - _LENGTH + _LENGTH * document.length / average)
                scores[position] = scores.get(position, 0.0) + worth * count / (count + dampened)
        found = [
            Ranked(self._entries[position], max(1, round(_FULL * score / best))) for position, score in scores.items()
        ]
        return sorted(found, key=lambda one: (-one.score, one.entry.identifier))


class _Document(NamedTuple):
    """The words of an agent, each with what it counts, and the sum of that."""

    words: dict[str, float]
    length: float


def _document_of(entry: AgentEntry) -> _Document:
    words: dict[str, float] = {}
    left = _INDEXED
    for weight, texts in (
        (_NAME, (entry.agent, entry.name if entry.name != entry.agent else "", *entry.skills)),
        (_TAG, entry.tags),
        (_EXAMPLE, entry.examples),
        (_DESCRIPTION, (entry.description, *entry.skill_texts)),
    ):
        for text in texts:
            for word in stems(text)[: max(left, 0)]:
                words[word] = words.get(word, 0.0) + weight
                left -= 1
    return _Document(words, sum(words.values()))


def _rarity(having: int, every: int) -> float:
    """How much a word says: the fewer agents have it, the more. Above 0."""
    return math.log1p((every - having + 0.5) / (having + 0.5))
