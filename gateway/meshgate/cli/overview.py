"""The help of ``meshgate`` itself, as typer draws that of the commands.

It is drawn here because typer and what it loads take longer to import than everything that this page says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from meshgate.cli.command_table import COMMANDS, OPTIONS, OVERVIEW

__all__ = ["print_overview"]


def print_overview() -> None:
    """Print what ``meshgate --help`` shows."""
    console = Console(file=sys.stdout, highlight=False)
    usage = Text.assemble(("Usage: ", "yellow"), ("meshgate", "bold"), " [OPTIONS] COMMAND [ARGS]...")
    console.print(Padding(usage, 1))
    for paragraph in OVERVIEW.strip().split("\n\n"):
        lines = paragraph.removeprefix("\b").strip("\n")
        console.print(Padding(Text(lines), (0, 1, 1, 1)))
    console.print(_panel("Options", OPTIONS, max(len(name) for name, _ in OPTIONS)))
    width = max(len(one.name) for one in COMMANDS)
    for panel in dict.fromkeys(one.panel for one in COMMANDS):
        console.print(_panel(panel, ((one.name, one.summary) for one in COMMANDS if one.panel == panel), width))
    console.print()


def _panel(title: str, rows: Iterable[tuple[str, str]], width: int) -> Panel:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(style="bold cyan", no_wrap=True, width=width)
    table.add_column(ratio=1)
    for name, text in rows:
        table.add_row(name, text)
    return Panel(table, title=title, title_align="left", border_style="dim")
