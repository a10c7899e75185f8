"""The messages between the agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "KINDS",
    "Batch",
    "Finding",
    "Installed",
    "Integrity",
    "Inventory",
    "Kind",
    "Licence",
    "LicenceKind",
    "Place",
    "Problem",
    "Report",
    "Row",
    "Surroundings",
    "Totals",
    "Verdict",
    "Wanted",
]

LicenceKind = Literal["permissive", "weak", "copyleft", "proprietary", "unknown", "missing"]
"""How much a licence asks for: nothing but a notice (permissive), the same licence for its own files (weak copyleft) or
for the whole program (copyleft), more than open source does (proprietary); one not recognised (unknown), or none.
"""

Kind = Literal[
    "changed",
    "missing",
    "outside",
    "bad_record",
    "no_record",
    "bad_metadata",
    "duplicate",
    "no_licence",
    "startup_code",
    "clash",
    "shadow",
]

KINDS: Mapping[Kind, str] = {
    "changed": "Files that differ from what was installed",
    "missing": "Files that were installed and are gone",
    "outside": "Files recorded outside the environment",
    "bad_record": "RECORD files, or lines of them, that cannot be read",
    "no_record": "Distributions without a RECORD: their files cannot be verified",
    "bad_metadata": "Distributions whose metadata cannot be read",
    "duplicate": "Distributions that are installed twice",
    "no_licence": "Distributions without a licence",
    "startup_code": "Code that runs whenever Python starts",
    "clash": "Commands that several distributions install",
    "shadow": "Commands that hide one of the system",
}
"""Every kind of finding with its title, worst first."""


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Form):
    """An environment on this machine, as absolute paths."""

    prefix: str
    """Everything of it is under here."""
    sites: list[str]
    """Its site-packages folders."""
    scripts: str
    """Where its commands are."""


class Wanted(_Form):
    """The environment to audit."""

    env: str
    """A virtual environment, or a site-packages folder."""


class Finding(_Form):
    """Something a person should look at."""

    kind: Kind
    subject: str
    """The distribution, file or command it is about."""
    detail: str = ""


class Installed(_Form):
    """A distribution that is there."""

    name: str
    version: str
    folder: str
    """Its metadata folder, an absolute path: what identifies it."""
    weight: int
    """Bytes of its RECORD: about how much there is to verify."""


class Inventory(_Form):
    """What is installed where."""

    place: Place
    distributions: list[Installed]
    findings: list[Finding]


class Batch(_Form):
    """Some of an environment's distributions, by their metadata folders."""

    place: Place
    folders: list[str]


class Licence(_Form):
    """What a licence is, and how that is known."""

    kind: LicenceKind
    text: str = ""
    """The words it was told by."""
    source: str = ""
    """Where these stand."""


class Integrity(_Form):
    """The result of checking a distribution's files. ``files`` is the sum of the five counts after it."""

    files: int = 0
    """Lines of its RECORD that can be read."""
    verified: int = 0
    """Files whose hash is the recorded one."""
    unhashed: int = 0
    """Files without a recorded hash, such as RECORD itself and compiled bytecode."""
    changed: int = 0
    missing: int = 0
    outside: int = 0
    native: int = 0
    """Those of them that are native libraries."""
    findings: list[Finding] = []
    """At most 50; the counts are complete."""


class Surroundings(_Form):
    """What an environment does beyond its distributions."""

    count: int
    """How many were looked at: ``.pth`` files, or commands."""
    findings: list[Finding]


class Row(_Form):
    """One distribution in the report."""

    name: str
    version: str
    folder: str
    licence: Licence
    integrity: Integrity


class Totals(_Form):
    """Sums over the report."""

    distributions: int
    files: int
    verified: int
    unhashed: int
    native: int
    pth_files: int
    commands: int
    licences: dict[LicenceKind, int]
    findings: dict[Kind, int]
    """Every kind is there; of files they are counted in full, also where fewer are listed."""


class Report(_Form):
    """The result."""

    place: Place
    totals: Totals
    findings: list[Finding]
    distributions: list[Row]


class Problem(_Form):
    """Where a report does not add up."""

    what: str
    folder: str = ""
    """The distribution to look at again, if it is one."""


class Verdict(_Form):
    """What the critic says of a report."""

    accepted: bool
    problems: list[Problem]
