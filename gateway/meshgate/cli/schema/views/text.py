"""Texts for the views of contracts; control characters are dropped."""

from __future__ import annotations

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from meshgate.cli.console import plain

__all__ = []


def plain_text(value: str, style: str = "") -> Text:
    return Text(plain(value), style)


def plain_line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*(plain(one) if isinstance(one, str) else (plain(one[0]), one[1]) for one in parts))


def indented(what: RenderableType, by: int) -> Padding:
    return Padding(what, (0, 0, 0, by), expand=False)
