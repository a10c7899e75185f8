"""Storing releases that no agent runs yet: the work of ``meshgate schema propose``."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import plain
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import path_of
from meshgate.cli.schema.check import Asked, Checked, Report, ask_mesh, body_of, mesh_entries
from meshgate.cli.schema.files import Entry, Source
from meshgate.cli.schema.model import Release
from meshgate.cli.schema.tables import report_view

__all__ = ["Proposed", "Stored", "propose_to_mesh", "proposed_view"]

_BROKEN = frozenset({"INCOMPATIBLE", "VERSION_TAKEN", "VERSION_RETIRED"})


class Stored(msgspec.Struct, frozen=True):
    """A release as the mesh has it now."""

    subject: str
    version: str
    stage: str
    owner: str = ""
    steward: str = ""


class Proposed(msgspec.Struct, frozen=True):
    """What became of a file's releases."""

    compatible: bool
    against: str
    checked: tuple[Checked, ...]
    releases: tuple[Stored, ...] = ()
    """What is stored; nothing if one of them is refused."""


def propose_to_mesh(source: Source, asked: Asked, admin: Admin, owner: str = "", steward: str = "") -> Proposed:
    """Store what a file holds as proposed releases, if the mesh would take them all.

    Raises:
        CliError: the mesh does not answer, takes the schema for none, or there is nothing of what was asked for.
    """
    if source.image is not None and not asked.version:
        raise CliError("a descriptor set has no version", Exit.USAGE, "say which it is to be: --version 1.1.0")
    entries = mesh_entries(source, asked, admin)
    report = ask_mesh(entries, asked, admin)
    said = (report.compatible, report.against, report.checked)
    if not report.compatible:
        return Proposed(*said)
    return Proposed(*said, tuple(_store(one, asked, admin, owner, steward) for one in entries))


def _store(entry: Entry, asked: Asked, admin: Admin, owner: str, steward: str) -> Stored:
    body = {**body_of(entry, asked), "owner": owner, "steward": steward}
    try:
        found: Release = admin.post(f"{path_of(entry.subject)}/propose", body, Release)
    except CliError as error:
        # It kept its contract a moment ago: somebody was faster with another release.
        code = Exit.FAILED if error.reason in _BROKEN else error.code
        raise CliError(error.message, code, error.remedy, reason=error.reason) from None
    return Stored(entry.subject, found.version, found.stage, found.owner, found.steward)


def proposed_view(found: Proposed) -> RenderableType:
    """What was stored, and the next step of each; or why nothing was."""
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
