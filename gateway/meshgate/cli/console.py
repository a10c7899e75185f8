"""The consoles: results go to standard output, everything about them to standard error.

rich colours the output as the terminal, ``NO_COLOR`` and ``FORCE_COLOR`` say. Text from an agent could control the
terminal, so its control characters are dropped before it is shown.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from meshgate.cli.exits import CliError

__all__ = ["err", "fail_line", "out", "plain", "print_json", "show_warning"]

_UNBROKEN = 100_000
"""Columns of what is no terminal: nothing is wrapped, so that programs find ids whole."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """``text`` without control characters, except for line feeds and tabs, and without marks that reorder it."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def out() -> Console:
    """The console for results. Into a pipe or a file a line is as long as it needs to be, unless COLUMNS says more."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_UNBROKEN if piped else None)


def err() -> Console:
    """The console for everything else."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output: indented on a terminal, on one line else."""
    if sys.stdout.isatty():
        print(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))
    else:
        print(msgspec.json.encode(value).decode())


def show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as one line, in the place of ``warnings.showwarning``."""
    err().print(Text("note: ", "yellow").append(plain(str(message)), "default not bold"), soft_wrap=True)


def fail_line(error: CliError) -> Text:
    """The one line that shows an error."""
    line = Text("error: ", "bold red")
    line.append(" ".join(plain(error.message).split()), "default not bold")
    if error.remedy:
        line.append(f" ({error.remedy})", "default not bold")
    return line
