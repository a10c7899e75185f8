"""Short forms of text from elsewhere, for errors: an error has at most 200 characters, whatever it repeats."""

from __future__ import annotations

import re

__all__ = ["first_sentence", "shorten"]

_MORE = re.compile(r"\.?\s*(?:\n|Available Fields|\s\|\s).*", re.DOTALL)
_CLASS = re.compile(r"\b(?:[A-Z]\w*Error|[A-Z]\w*Exception): ")
_FOUND = re.compile(r"expected string or bytes-like object, got '\w+'\.*")


def shorten(text: str, most: int) -> str:
    """The text in one line, or its beginning and its end with an ellipsis between, ``most`` characters in all."""
    if not text.isprintable():
        # What is neither at its beginning nor at its end is not shown: it need not be looked at.
        text = text if len(text) <= 2 * most else text[:most] + text[-most:]
        text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def first_sentence(error: object, most: int = 80) -> str:
    """What a library's exception says, without its class, lists of possibilities and further lines."""
    said = _FOUND.sub("a string is expected", _CLASS.sub("", str(error)))
    return shorten(" ".join(_MORE.sub("", said).split()), most)
