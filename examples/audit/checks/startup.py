"""``.pth`` files: a line in one that begins with ``import`` runs whenever Python starts (see its module ``site``)."""

from __future__ import annotations

import codecs
from pathlib import Path

from examples.audit.checks.forms import Finding, Place, Surroundings
from examples.audit.checks.places import folders_in, name_of
from examples.audit.checks.records import parse_record
from examples.audit.checks.texts import shown

__all__ = ["check_startup", "code_lines"]


def code_lines(content: bytes) -> list[tuple[int, str]]:
    """The lines of a ``.pth`` file that some Python runs, with their numbers.

    Versions differ: from 3.13 on a byte order mark is skipped and all that ``str.splitlines`` knows divides lines;
    before, only line feed and carriage return do. What any of them runs is code.
    """
    text = _decoded(content.removeprefix(codecs.BOM_UTF8))
    return [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.startswith(("import ", "import\t"))]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _owners(place: Place) -> dict[str, str]:
    """Which distribution a ``.pth`` file belongs to, by its path."""
    owners: dict[str, str] = {}
    for site in map(Path, place.sites):
        for folder in folders_in(site):
            record = folder / "RECORD"
            if record.is_file() and b".pth" in (content := record.read_bytes()):
                entries, _ = parse_record(content)
                owners |= {str(site / entry.path): name_of(folder) for entry in entries if entry.path.endswith(".pth")}
    return owners


def check_startup(place: Place) -> Surroundings:
    """Look for code in an environment's ``.pth`` files."""
    files = [path for site in place.sites for path in sorted(Path(site).glob("*.pth")) if path.is_file()]
    owners = _owners(place)
    findings: list[Finding] = []
    for path in files:
        try:
            lines = code_lines(path.read_bytes())
        except OSError:
            continue
        if lines:
            number, line = lines[0]
            more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
            owner = f"of {owners[str(path)]}" if str(path) in owners else "of no distribution"
            detail = f"{owner}; line {number}: {shown(line.rstrip(), 120)}{more}"
            findings.append(Finding(kind="startup_code", subject=shown(path.name), detail=detail))
    return Surroundings(count=len(files), findings=findings)
