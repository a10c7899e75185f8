"""The words of a text in the form in which a search compares them."""

from __future__ import annotations

import functools
import re
import unicodedata

__all__ = ["search_words", "stems"]

_WORD = re.compile(r"[^\W_]+")
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LEFT = 4
"""Fewest letters that are left of a word without its ending."""
_ENDINGS = frozenset(
    (
        *("s", "es", "ies", "y", "e", "is", "ed", "er", "ers", "ing", "ings"),
        *("ion", "ions", "ive", "ment", "ments"),
        *("ate", "ates", "ated", "ating", "ation", "ations", "ator", "ators"),
        *("ise", "ises", "ised", "ising", "isation", "iser", "isers"),
        *("ize", "izes", "ized", "izing", "ization", "izer", "izers"),
    )
)
"""Endings of English words that change little of what is meant."""
_LONGEST = max(map(len, _ENDINGS))
_SAYING_NOTHING = """
a about all an and any are as at be but by can could do does for from get give had has have help how i if in
into is it its let make may me my need of on one or our out please so some that the their them then there these
they this to us want was we were what when where which who will with would you your
"""
_FUNCTION_WORDS = frozenset(_SAYING_NOTHING.split())
"""Words that say nothing of what is looked for."""


def stems(text: str) -> list[str]:
    """The words of a text without their endings, in their order: ``Translates contracts`` is ``transl``, ``contract``.

    Letters and digits make words, of any script; case, accents' spelling and ``camelCase`` make no difference.
    """
    return [_stem(word) for word in _words(text)]


def search_words(text: str, most: int) -> list[str]:
    """The different words that a search looks for; those that say nothing count only if there is no other.

    Args:
        most: how many are taken, the first ones.
    """
    words = _words(text)
    telling = [word for word in words if word not in _FUNCTION_WORDS] or words
    return list(dict.fromkeys(map(_stem, telling)))[:most]


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _INNER_CAPITAL.sub(" ", text)).casefold())


@functools.lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    """A word without the longest ending that leaves enough of it."""
    for size in range(min(_LONGEST, len(word) - _LEFT), 0, -1):
        if word[-size:] in _ENDINGS:
            return word[:-size]
    return word
