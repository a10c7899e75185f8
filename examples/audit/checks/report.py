"""One report from what the agents found, and the same for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from examples.audit.checks.forms import (
    KINDS,
    Finding,
    Integrity,
    Inventory,
    Kind,
    Licence,
    LicenceKind,
    Report,
    Row,
    Surroundings,
    Totals,
)
from examples.audit.checks.texts import cell, counted, shown

__all__ = ["head", "markdown", "merge"]

_LICENCES: Mapping[LicenceKind, str] = {
    "permissive": "permissive",
    "weak": "weak copyleft",
    "copyleft": "copyleft",
    "proprietary": "proprietary",
    "unknown": "not recognised",
    "missing": "none",
}
_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_SHOWN, _SOME = 40, 3
"""Findings of one kind that the whole report lists, and its first page."""


def merge(
    inventory: Inventory,
    licences: Mapping[str, Licence],
    integrity: Mapping[str, Integrity],
    startup: Surroundings,
    commands: Surroundings,
) -> Report:
    """The report. A distribution that was not told of by both is left out, which the critic will notice.

    Args:
        licences: by metadata folder.
        integrity: by metadata folder.
        startup: what was found in ``.pth`` files.
        commands: what was found of commands.
    """
    rows = [
        Row(
            name=one.name,
            version=one.version,
            folder=one.folder,
            licence=licences[one.folder],
            integrity=integrity[one.folder],
        )
        for one in inventory.distributions
        if one.folder in licences and one.folder in integrity
    ]
    findings = [*inventory.findings, *startup.findings, *commands.findings]
    for row in rows:
        findings += row.integrity.findings
        if row.licence.kind == "missing":
            findings.append(Finding(kind="no_licence", subject=row.name))
    findings.sort(key=lambda finding: (_ORDER[finding.kind], finding.subject))
    # A row's findings stand in the report's list, once.
    bare = [row.model_copy(update={"integrity": row.integrity.model_copy(update={"findings": []})}) for row in rows]
    return Report(
        place=inventory.place,
        totals=_totals(rows, findings, startup.count, commands.count),
        findings=findings,
        distributions=bare,
    )


def _totals(rows: Sequence[Row], findings: Sequence[Finding], pth_files: int, commands: int) -> Totals:
    kinds: Counter[Kind] = Counter(finding.kind for finding in findings)
    kinds["changed"] = sum(row.integrity.changed for row in rows)
    kinds["missing"] = sum(row.integrity.missing for row in rows)
    kinds["outside"] = sum(row.integrity.outside for row in rows)
    licences = Counter(row.licence.kind for row in rows)
    return Totals(
        distributions=len(rows),
        files=sum(row.integrity.files for row in rows),
        verified=sum(row.integrity.verified for row in rows),
        unhashed=sum(row.integrity.unhashed for row in rows),
        native=sum(row.integrity.native for row in rows),
        pth_files=pth_files,
        commands=commands,
        licences={kind: licences[kind] for kind in _LICENCES},
        findings={kind: kinds[kind] for kind in KINDS},
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{' --- |' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def head(report: Report) -> str:
    """The report's first page, as Markdown."""
    return "\n".join(_head(report))


def _head(report: Report) -> Iterator[str]:
    totals = report.totals
    yield f"# Audit of {cell(report.place.prefix)}"
    yield ""
    yield (
        f"{counted(totals.distributions, 'distribution')} with {counted(totals.files, 'file')}: {totals.verified:,} "
        f"verified by hash, {totals.unhashed:,} without a recorded hash. {counted(totals.native, 'native file')}, "
        f"{counted(totals.commands, 'command')}, {counted(totals.pth_files, '.pth file')}."
    )
    yield ""
    licences = ", ".join(f"{count} {_LICENCES[kind]}" for kind, count in totals.licences.items() if count)
    yield f"Licences: {licences or 'none'}."
    yield ""
    found = [
        (title, f"{count:,}", _some(report, kind)) for kind, title in KINDS.items() if (count := totals.findings[kind])
    ]
    if found:
        yield from _table(("To look at", "count", "such as"), found)
    else:
        yield "Nothing to look at."
        yield ""


def _some(report: Report, kind: Kind) -> str:
    subjects = [finding.subject for finding in report.findings if finding.kind == kind]
    return ", ".join(cell(shown(subject, 40)) for subject in subjects[:_SOME])


def markdown(report: Report) -> str:
    """The whole report as Markdown."""
    return "\n".join([*_head(report), *_findings(report), *_distributions(report)])


def _findings(report: Report) -> Iterator[str]:
    for kind, title in KINDS.items():
        found = [finding for finding in report.findings if finding.kind == kind]
        if not found:
            continue
        yield f"## {title}"
        yield ""
        for finding in found[:_SHOWN]:
            yield f"- {cell(finding.subject)}" + (f": {cell(finding.detail)}" if finding.detail else "")
        if report.totals.findings[kind] > _SHOWN:
            yield f"- and {report.totals.findings[kind] - min(len(found), _SHOWN):,} more"
        yield ""


def _distributions(report: Report) -> Iterator[str]:
    yield "## Distributions"
    yield ""
    rows = [
        (
            f"{cell(row.name)} {cell(row.version)}",
            _LICENCES[row.licence.kind],
            cell(row.licence.text) + (f" ({row.licence.source})" if row.licence.source else ""),
            f"{row.integrity.verified:,} of {row.integrity.files:,}",
            f"{row.integrity.native:,}" if row.integrity.native else "",
        )
        for row in sorted(report.distributions, key=lambda row: row.name.lower())
    ]
    yield from _table(("distribution", "licence", "as it says", "files verified", "native"), rows)
