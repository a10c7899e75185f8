"""Where output goes: results to standard output, everything about them to standard error.

Colour follows the terminal, ``NO_COLOR`` and ``FORCE_COLOR``, as rich does. What comes from an agent is never trusted
with the terminal: control characters in it are dropped before it is shown there.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from meshgate.cli.exits import CliError

__all__ = ["err", "fail_line", "out", "plain", "print_json"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """``text`` without control characters (line feeds and tabs stay) and without marks that reorder it."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def out() -> Console:
    """The console of results."""
    return Console(highlight=False)


def err() -> Console:
    """The console of everything else."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output: as it is for programs, indented for people."""
    if sys.stdout.isatty():
        print(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))
    else:
        print(msgspec.json.encode(value).decode())


def fail_line(error: CliError) -> Text:
    """The one line that an error is."""
    line = Text("error: ", "bold red")
    line.append(" ".join(plain(error.message).split()), "default not bold")
    if error.remedy:
        line.append(f" ({error.remedy})", "default not bold")
    return line
