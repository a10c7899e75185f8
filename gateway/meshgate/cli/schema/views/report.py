"""The view of a check."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from meshgate.cli.schema.report import EntryReport, Report, ReportedViolation
from meshgate.cli.schema.views.text import indented, plain_line, plain_text
from meshgate.cli.schema.views.usage import version_key

__all__ = ["report_view"]


def report_view(report: Report) -> RenderableType:
    """The results of a check, one block for each skill."""
    if not report.checked:
        return Text("There is no contract in the file.")
    lines: list[RenderableType] = []
    for one in report.checked:
        if lines and (one.violations or one.translated):
            lines.append(Text())
        lines.append(_headline(one))
        lines += [indented(plain_text(note, "dim"), 2) for note in one.notes]
        lines += _told(one.violations)
        if one.translated:
            lines += [Text(), Text("  Gateways make up for this, so it breaks nothing:", "dim")]
            lines += _told(one.translated, quiet=True)
        lines += _remedies(one)
    return Group(*lines)


def _headline(one: EntryReport) -> Text:
    name = f"{one.subject} {one.version}".rstrip()
    if one.compatible:
        how = f" goes with {one.against}" if one.against else ""
        return plain_line(("✓ ", "green"), (name, "bold"), how)
    how = "breaks the contract" if one.code == "INCOMPATIBLE" else f"is refused [{one.code}]"
    return plain_line(("✗ ", "bold red"), (name, "bold"), (f" {how}", "red"), f", compared with {one.against}")


def _told(found: Sequence[ReportedViolation], *, quiet: bool = False) -> list[RenderableType]:
    """The violations, grouped by path."""
    lines: list[RenderableType] = []
    for path, side in dict.fromkeys((one.path, one.side) for one in found):
        here = [one for one in found if (one.path, one.side) == (path, side)]
        if not quiet:
            lines.append(Text())
        lines.append(indented(plain_line((path, "" if quiet else "bold"), (f"  {side}" if side else "", "dim")), 2))
        lines += [indented(plain_line(one.what, (f" [{one.rule}]", "dim")), 4) for one in here]
        versions = sorted({one.against for one in here if one.against}, key=version_key)
        if versions:
            lines.append(indented(plain_text(f"compared with {', '.join(versions)}", "dim"), 4))
        if not quiet:
            lines += [
                indented(plain_line(("→ ", "cyan"), remedy), 4) for remedy in dict.fromkeys(one.remedy for one in here)
            ]
    return lines


def _remedies(one: EntryReport) -> list[RenderableType]:
    if one.compatible:
        return []
    if not one.violations:
        said = [one.message, f"{one.suggested_version} would be taken." if one.suggested_version else ""]
        return [indented(plain_text(each), 2) for each in said if each]
    version = f", or raise the version to {one.suggested_version}" if one.suggested_version else ""
    these = "it" if len(one.violations) == 1 else f"these {len(one.violations)}"
    return [Text(), indented(plain_text(f"Correct {these}{version}."), 2)]
