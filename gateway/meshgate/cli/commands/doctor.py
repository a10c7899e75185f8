"""``meshgate doctor``: checks everything that a call needs, and says what to do about what is wrong."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from meshgate.cli.console import out, plain, print_json
from meshgate.cli.doctor.findings import Finding, State
from meshgate.cli.exits import Exit
from meshgate.cli.views.tables import plural

__all__ = ["doctor", "findings_view"]

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "note": ("-", "dim"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "bold red"),
}


def doctor(
    registry: Annotated[
        str, typer.Option(metavar="URL", help="Look at this registry as well, such as consul://127.0.0.1:8500.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at everything that a call needs, and say what to do about what is wrong.

    It changes nothing. Exit codes: 0 nothing is wrong, 1 something is, 3 no gateway is reachable.

    \b
    Examples:
      meshgate doctor
      meshgate doctor --registry consul://127.0.0.1:8500
      meshgate doctor --json | jq '.[] | select(.state != "ok")'
    """
    from meshgate.cli.doctor.diagnosis import examine

    findings = examine(os.environ, registry, time.time)
    if as_json:
        print_json(findings)
    else:
        out().print(findings_view(findings))
    if any(one.unreachable for one in findings):
        raise typer.Exit(Exit.UNREACHABLE)
    if any(one.state == "fail" for one in findings):
        raise typer.Exit(Exit.FAILED)


def findings_view(findings: list[Finding]) -> RenderableType:
    """One line for each finding, its remedy below, and a summary."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        mark, style = _MARKS[one.state]
        told = Text(plain(one.detail))
        if one.remedy:
            told.append(f"\n→ {plain(one.remedy)}", "cyan")
        table.add_row(Text(mark, style), one.what, told)
    wrong = sum(one.state in ("warn", "fail") for one in findings)
    end = "Nothing is wrong." if not wrong else f"{plural(wrong, 'thing')} to look at."
    return Group(table, Text(f"\n{end}", "green" if not wrong else "yellow"))
