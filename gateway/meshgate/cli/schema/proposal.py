"""The proposal of releases: the mesh checks all of them, and stores them if it refuses none."""

from __future__ import annotations

import msgspec

from meshgate.cli.admin_client import Admin
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import path_of
from meshgate.cli.schema.mesh_check import ask_mesh, body_of, mesh_entries
from meshgate.cli.schema.model import ReleaseView
from meshgate.cli.schema.report import CheckOptions, EntryReport
from meshgate.cli.schema.sources import Entry, Source

__all__ = ["Proposal", "StoredRelease", "propose_to_mesh"]

_BROKEN = frozenset({"INCOMPATIBLE", "VERSION_TAKEN", "VERSION_RETIRED"})


class StoredRelease(msgspec.Struct, frozen=True):
    """A release as the mesh has it now."""

    subject: str
    version: str
    stage: str
    owner: str = ""
    steward: str = ""


class Proposal(msgspec.Struct, frozen=True):
    """The result of a proposal."""

    compatible: bool
    against: str
    checked: tuple[EntryReport, ...]
    releases: tuple[StoredRelease, ...] = ()
    """The stored releases; none if one of them is refused."""


def propose_to_mesh(
    source: Source, options: CheckOptions, admin: Admin, owner: str = "", steward: str = ""
) -> Proposal:
    """Store the contracts of a file as proposed releases, if the mesh accepts all of them.

    Raises:
        CliError: the mesh does not answer, the schema is not valid, or the file has nothing that the options name.
    """
    if source.image is not None and not options.version:
        raise CliError("a descriptor set has no version", Exit.USAGE, "say which it is to be: --version 1.1.0")
    entries = mesh_entries(source, options, admin)
    report = ask_mesh(entries, options, admin)
    said = (report.compatible, report.against, report.checked)
    if not report.compatible:
        return Proposal(*said)
    return Proposal(*said, tuple(_store(one, options, admin, owner, steward) for one in entries))


def _store(entry: Entry, options: CheckOptions, admin: Admin, owner: str, steward: str) -> StoredRelease:
    body = {**body_of(entry, options), "owner": owner, "steward": steward}
    try:
        found: ReleaseView = admin.post(f"{path_of(entry.subject)}/propose", body, ReleaseView)
    except CliError as error:
        # The check accepted it a moment ago, so another release was stored in between.
        code = Exit.FAILED if error.reason in _BROKEN else error.code
        raise CliError(error.message, code, error.remedy, reason=error.reason) from None
    return StoredRelease(entry.subject, found.version, found.stage, found.owner, found.steward)
