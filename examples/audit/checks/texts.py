"""Text from untrusted files, made safe to print."""

from __future__ import annotations

__all__ = ["cell", "counted", "shown"]


def shown(text: str, most: int = 160) -> str:
    """``text`` on one line, control characters as escapes, cut to ``most`` characters."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def cell(text: str) -> str:
    """``text`` for Markdown, so that nothing in it counts as markup."""
    escaped = "".join("\\" + letter if letter in "\\`*_{}[]<>()#|~!&" else letter for letter in text)
    return escaped.replace("\n", " ")


def counted(count: int, noun: str) -> str:
    """``count`` of something: "1 file", "2,000 files"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
