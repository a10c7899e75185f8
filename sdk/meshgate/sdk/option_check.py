"""Checks the options that callers and authors pass by keyword: a name that is misspelt would protect nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

__all__ = ["TEXT", "Rule", "check_options", "is_list", "is_number"]

Rule = tuple[Callable[[Any], bool], str]
"""Whether a value will do, and what is wanted."""
TEXT: Rule = (lambda value: isinstance(value, str), "a string")


def check_options(where: str, given: Mapping[str, Any], known: Iterable[str], rules: Mapping[str, Rule]) -> None:
    """Refuse a name that is no option, and a value of the wrong kind; None stands for an option that is left out.

    Args:
        where: what takes the options, such as ``call()``.
        known: the names that there are.
        rules: by name; an option without one takes anything.

    Raises:
        TypeError: which option, and what is wanted.
    """
    names = tuple(known)
    for name, value in given.items():
        if name not in names:
            near = get_close_matches(name, names, 1)
            meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{where} has no option {name!r}: {meant}")
        rule = rules.get(name)
        if rule is not None and value is not None and not rule[0](value):
            raise TypeError(f"{name} is {rule[1]}, not {_shown(value)}")


def is_number(value: object) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def is_list(value: object) -> bool:
    """Whether a value is a list or a tuple."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
