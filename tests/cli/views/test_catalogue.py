"""What a search found, as people read it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from meshgate.cli.catalogue_client import Found
from meshgate.cli.views.catalogue import found_table

LEGAL = Found("urn:air:a.example:legal", "Legal", "1.0.0", "Reads legal\ndocuments", ("compare", "read"), 82)


def shown(view: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=80, highlight=False).print(view)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


@pytest.mark.requirement("cli.search")
def test_what_was_found_is_one_line_each_and_the_best_one_can_be_called() -> None:
    other = Found("urn:air:a.example:acme:rain", score=7)
    assert (
        shown(found_table([LEGAL, other]))
        == """\
score   agent   version   skills          what it does
───────────────────────────────────────────────────────────────
   82   legal   1.0.0     compare, read   Reads legal documents
    7   rain

Call one: meshgate call legal TEXT"""
    )


@pytest.mark.requirement("cli.search", "cli.terminal")
def test_nothing_from_an_agent_reaches_the_terminal_as_control() -> None:
    told = shown(found_table([Found("urn:air:a.example:x", description="a\x1b[31mred\u202e", capabilities=("\x07s",))]))
    assert ("\x1b" in told, "\x07" in told, "\u202e" in told) == (False, False, False)
    assert "[31mred" in told


@pytest.mark.requirement("cli.search")
def test_where_nothing_was_found_it_is_said_what_to_do() -> None:
    assert "'meshgate agents' lists those that have joined" in shown(found_table([])).replace("\n", " ")
