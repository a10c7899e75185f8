"""The view of the changes between two releases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from meshgate.cli.schema.changes import Change, Diff
from meshgate.cli.schema.views.text import plain_line, plain_text
from meshgate.cli.views.tables import grid, plural

__all__ = ["diff_view"]

_FATES = {"ok": "green", "translated": "cyan", "migrated": "cyan", "lost": "red"}


def diff_view(diff: Diff, mediation: str) -> RenderableType:
    """Each change, and its effect on data in both directions."""
    lines: list[RenderableType] = [plain_line((diff.subject, "bold"), f" {diff.old} → {diff.new}")]
    if diff.major:
        said = plural(len(diff.migrations), "migration") if diff.migrations else "no migrations"
        lines.append(Text(f"a new major version, with {said}", "dim"))
    for side, found in (("input", diff.input), ("output", diff.output)):
        lines += [Text(), _changes_table(side, found, diff) if found else Text(f"{side}: the same", "dim")]
    fates = {fate for one in (*diff.input, *diff.output) for fate in (one.up, one.down)}
    told = {
        "translated": "translated: gateways make up for it",
        "migrated": "migrated: a migration of the release says how",
        "lost": "lost: who reads it misreads it, or refuses it",
    }
    legend = [text for fate, text in told.items() if fate in fates]
    if legend:
        lines += [Text(), *(Text(text, "dim") for text in legend)]
    if mediation not in ("", "enforce") and fates - {"ok"}:
        lines.append(Text(f"Mediation of this skill is {mediation}: gateways do not translate now.", "yellow"))
    return Group(*lines)


def _changes_table(side: str, found: Sequence[Change], diff: Diff) -> Table:
    table = grid(side, "change")
    for here, there in ((diff.old, diff.new), (diff.new, diff.old)):
        table.add_column(plain_text(f"{here} → {there}"), no_wrap=True)
    prefix = _common(one.path for one in found)
    for one in found:
        path, fates = one.path.removeprefix(prefix), (Text(fate, _FATES[fate]) for fate in (one.up, one.down))
        table.add_row(plain_text(path, "bold"), plain_text(one.what), *fates)
    return table


def _common(paths: Iterable[str]) -> str:
    """The package that all paths begin with: the parts before the first one with a capital letter."""
    packages = {".".join(_package(path.split("."))) for path in paths}
    return f"{packages.pop()}." if len(packages) == 1 and packages != {""} else ""


def _package(parts: list[str]) -> list[str]:
    first = next((index for index, part in enumerate(parts) if part[:1].isupper()), 0)
    return parts[:first]
