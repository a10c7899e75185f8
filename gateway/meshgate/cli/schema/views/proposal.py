"""The view of a proposal: what was stored, and the next step."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from meshgate.cli.console import plain
from meshgate.cli.schema.proposal import Proposal
from meshgate.cli.schema.report import Report
from meshgate.cli.schema.views.report import report_view

__all__ = ["proposed_view"]


def proposed_view(found: Proposal) -> RenderableType:
    """The stored releases with the next step of each; or the reasons why nothing was stored."""
    if not found.compatible or not found.releases:
        return report_view(Report(found.compatible, found.against, found.checked))
    lines: list[RenderableType] = []
    for one in found.releases:
        proposed = one.stage == "proposed"
        name = Text(plain(f"{one.subject} {one.version}"), "bold")
        lines.append(Text.assemble(("✓ ", "green"), name, f" is {plain(one.stage)}", "" if proposed else " already"))
        if proposed:
            step = f"meshgate schema promote {one.subject} {one.version} active"
            whose = f", for its steward {one.steward}" if one.steward else ""
            lines.append(Text.assemble(("  → ", "cyan"), plain(step), (plain(whose), "dim")))
    return Group(*lines)
