"""The skills of a file that a check looks at."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema import model as schema_views
from meshgate.cli.schema.report import CheckOptions, ReportedViolation
from meshgate.cli.schema.sources import Entry, SideSchema, Source
from meshgate.registry.schemas import Violation

__all__ = []


def entries_of(source: Source, options: CheckOptions) -> Sequence[Entry]:
    """The skills of a source that the options name.

    Raises:
        CliError: there are none, or the options do not fit a lock file.
    """
    if options.type:
        raise CliError("--type is for descriptor sets; a lock file names its types", Exit.USAGE)
    found = [one for one in source.entries if options.has(one)]
    if not found and (options.agent or options.skill):
        has = ", ".join(one.subject for one in source.entries) or "none"
        raise CliError(f"{source.name} has no such skill", Exit.USAGE, f"it has {has}")
    if options.version and len(found) > 1:
        raise CliError("--version is for one skill", Exit.USAGE, "name it with --skill")
    return found


def sides_of(entry: Entry) -> list[tuple[str, SideSchema]]:
    return [(name, side) for name in ("input", "output") if (side := entry.side(name)) is not None]


def reported(one: Violation | schema_views.Violation, side: str = "", against: str = "") -> ReportedViolation:
    return ReportedViolation(
        one.path, side, one.rule, one.direction, one.form, one.what, one.remedy, one.mediated, against
    )
