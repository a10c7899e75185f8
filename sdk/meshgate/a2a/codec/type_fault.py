"""What a value of the wrong type is told as: in JSON's words, where msgspec's name Python's types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshgate.a2a.codec.short_text import shorten

__all__ = ["fault_at", "type_fault"]

_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "bytes": "base64",
}
_NAMED = 3
_EXPECTED = re.compile(r"Expected `([^`]+)`(.*?)(?:, got `([^`]+)`)?", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def type_fault(said: str, choices: Sequence[str] = ()) -> str:
    """A message of msgspec's, without its path, in JSON's words: "must be a string, not a whole number".

    Args:
        said: what msgspec says.
        choices: the values that are possible, where it says that a value is none of them.
    """
    expected = _EXPECTED.fullmatch(said)
    if expected is not None:
        wanted, bound, got = expected.groups()
        return f"must be {_words(wanted)}{bound}" + (f", not {_words(got)}" if got else "")
    enum = _ENUM.fullmatch(said)
    if enum is not None:
        first, more = choices[:_NAMED], len(choices) - _NAMED
        named = ", ".join(first) + (f" or {more} more" if more > 0 else "")
        found = shorten(enum[1], 40)
        return f"must be one of {named}, not {found}" if named else f"must not be {found}"
    unknown = _UNKNOWN.fullmatch(said)
    return f"{unknown[1]!r} is not known here" if unknown is not None else said


def fault_at(error: Exception) -> str:
    """What msgspec refuses, its place first: "limits.rate: must be a number, not a string"."""
    said, _, place = str(error).partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{place}: {type_fault(said)}" if place else type_fault(said)


def _words(names: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in names.split(" | "))
