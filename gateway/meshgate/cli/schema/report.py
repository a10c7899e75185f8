"""The report of a check: what was asked, and what was found for each skill."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.cli.schema.sources import Entry
from meshgate.registry.schemas import Mode

__all__ = ["CheckOptions", "EntryReport", "Report", "ReportedViolation"]


class CheckOptions(msgspec.Struct, frozen=True):
    """The options of a check: what to look at, and by which modes."""

    agent: str = ""
    skill: str = ""
    type: str = ""
    sides: tuple[str, ...] = ("input", "output")
    version: str = ""
    input: str = "BACKWARD_TRANSITIVE"
    output: str = "FORWARD_TRANSITIVE"
    strict: bool = False
    """Whether violations that gateways translate count as well."""
    tenant: str = DEFAULT_TENANT
    """Whose agents they are, in the mesh."""

    def mode(self, side: str) -> Mode:
        """The compatibility mode of that side."""
        return Mode(self.input if side == "input" else self.output)

    def has(self, entry: Entry) -> bool:
        """Return true if the check looks at the entry."""
        agent, _, skill = entry.subject.partition("/")
        return self.agent in ("", agent) and self.skill in ("", skill)


class ReportedViolation(msgspec.Struct, frozen=True, order=True):
    """A violation, and the side of the contract that it is on."""

    path: str
    side: str
    """``input``, ``output``, both with a comma, or "" if the mesh does not say."""
    rule: str
    direction: str
    form: str
    what: str
    remedy: str
    mediated: bool = False
    against: str = ""
    """The version of the mesh's release in the comparison."""


class EntryReport(msgspec.Struct, frozen=True):
    """The result for one skill, or for one file."""

    subject: str
    """AGENT/SKILL, or the name of a file."""
    version: str
    against: str
    """What it was compared with; "" if there was nothing."""
    compatible: bool
    code: str = ""
    message: str = ""
    violations: tuple[ReportedViolation, ...] = ()
    translated: tuple[ReportedViolation, ...] = ()
    """Violations that gateways translate."""
    notes: tuple[str, ...] = ()
    suggested_version: str = ""


class Report(msgspec.Struct, frozen=True):
    """The results of a check."""

    compatible: bool
    against: str
    checked: tuple[EntryReport, ...]


def report_of(against: str, checked: Iterable[EntryReport]) -> Report:
    found = tuple(checked)
    return Report(all(one.compatible for one in found), against, found)
