"""Names in generated code: Python takes each of them, and no two are the same."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

__all__ = ["Names", "class_name", "literal", "snake"]


class Names:
    """Names of one scope.

    Args:
        taken: what has a meaning there already, beside keywords.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*keyword.kwlist, *taken}

    def take(self, wanted: str) -> str:
        """``wanted`` as far as possible: what is taken gets underscores behind it, what starts with one loses it."""
        name = re.sub(r"[^A-Za-z0-9_]", "_", wanted).lstrip("_") or "x"
        name = f"x{name}" if name[0].isdigit() else name
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def class_name(name: str) -> str:
    """A class's name of a message's: ``Outer.inner_one`` is ``OuterInnerOne``."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[._]+", name))


def snake(name: str) -> str:
    """A variable's name of a class's: ``PriceQuery`` is ``price_query``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def literal(text: str) -> str:
    """``text`` as Python source."""
    return f'"{text}"' if re.fullmatch(r"[ !#-\[\]-~]*", text) else repr(text)
