"""The table of what a search found."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from meshgate.cli.catalogue_client import Found
from meshgate.cli.console import plain
from meshgate.cli.views.tables import grid

__all__ = ["found_table"]

_NOTHING = "No agent that this key may use has these words. 'meshgate agents' lists those that have joined."


def found_table(found: Sequence[Found]) -> RenderableType:
    """One line for each agent, the best first, and how the best one is called."""
    if not found:
        return Text(_NOTHING)
    table = grid(">score", "agent", "version", "skills", "what it does")
    for one in found:
        about = " ".join(plain(one.description).split())
        table.add_row(
            str(one.score),
            Text(plain(one.agent), "bold"),
            Text(plain(one.version)),
            Text(plain(", ".join(one.capabilities))),
            Text(about),
        )
    return Group(table, Text(f"\nCall one: meshgate call {plain(found[0].agent)} TEXT", "dim"))
