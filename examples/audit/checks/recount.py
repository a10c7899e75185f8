"""The critic's sums: the report added up again, and the environment counted by other means than the checks use."""

from __future__ import annotations

import csv
import email
import hashlib
import os
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from examples.audit.checks.forms import Problem, Report, Row, Verdict

__all__ = ["recount"]

_CODE = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])import[ \t]")
_LICENCE_FILE = re.compile(r"licen[sc]e|copying", re.IGNORECASE)
_HASH = re.compile(r"sha256=[A-Za-z0-9_-]{43}=?")
_SAMPLE = 3
"""Files of each distribution that are hashed again."""


def recount(report: Report) -> Verdict:
    """Whether a report adds up, and where it does not."""
    problems = [*_sums(report), *_disk(report)]
    return Verdict(accepted=not problems, problems=problems[:100])


def _sums(report: Report) -> Iterator[Problem]:
    """The report against itself."""
    totals, rows = report.totals, report.distributions
    for row in rows:
        one = row.integrity
        if one.verified + one.unhashed + one.changed + one.missing + one.outside != one.files:
            yield Problem(what=f"the files of {row.name} are not the sum of their kinds", folder=row.folder)
    stated = [totals.distributions, totals.files, totals.verified, totals.unhashed, totals.native]
    added = [len(rows), *(sum(getattr(row.integrity, name) for row in rows) for name in _COUNTED)]
    for name, said, sum_ in zip(("distributions", *_COUNTED), stated, added, strict=True):
        if said != sum_:
            yield Problem(what=f"totals.{name} is {said}, the rows make {sum_}")
    licences = Counter(row.licence.kind for row in rows)
    if {kind: count for kind, count in totals.licences.items() if count} != dict(licences):
        yield Problem(what="totals.licences is not what the rows make")
    yield from _finding_sums(report)


_COUNTED = ("files", "verified", "unhashed", "native")


def _finding_sums(report: Report) -> Iterator[Problem]:
    listed = Counter(finding.kind for finding in report.findings)
    for kind, said in report.totals.findings.items():
        in_files = kind in ("changed", "missing", "outside")
        sum_ = sum(getattr(row.integrity, kind) for row in report.distributions) if in_files else listed[kind]
        if said != sum_:
            yield Problem(what=f"totals.findings.{kind} is {said}, it should be {sum_}")
        if bool(listed[kind]) != bool(said):
            yield Problem(what=f"totals.findings.{kind} is {said}, and {listed[kind]} are listed")


def _disk(report: Report) -> Iterator[Problem]:
    """The report against the environment."""
    installed = {
        entry.path
        for site in report.place.sites
        for entry in os.scandir(site)
        if entry.name.endswith((".dist-info", ".egg-info"))
    }
    reported = {row.folder for row in report.distributions}
    for folder in sorted(installed - reported):
        yield Problem(what=f"{Path(folder).name} is installed and not in the report", folder=folder)
    for folder in sorted(reported - installed):
        yield Problem(what=f"{Path(folder).name} is in the report and not installed", folder=folder)
    if len(reported) != len(report.distributions):
        yield Problem(what="a distribution is in the report twice")
    for row in report.distributions:
        yield from _row(row)
    yield from _pth(report)


def _row(row: Row) -> Iterator[Problem]:
    folder = Path(row.folder)
    record = folder / "RECORD"
    try:
        with record.open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error):
        lines = []
    if row.integrity.files > len(lines):
        yield Problem(what=f"{row.name} has {len(lines)} lines of RECORD, not {row.integrity.files}", folder=row.folder)
    hashed = [line for line in lines if len(line) > 1 and _HASH.fullmatch(line[1])]
    step = max(len(hashed) // _SAMPLE, 1)
    good = sum(_same(folder.parent / line[0], line[1]) for line in hashed[::step])
    wrong = len(hashed[::step]) - good
    if wrong > row.integrity.changed + row.integrity.missing + row.integrity.outside:
        yield Problem(what=f"of {row.name} {wrong} files are not what was installed", folder=row.folder)
    if (row.licence.kind == "missing") == _says_licence(folder):
        yield Problem(what=f"whether {row.name} has a licence is told wrongly", folder=row.folder)


def _same(path: Path, stated: str) -> bool:
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        return False
    return stated.rstrip("=") == "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _says_licence(folder: Path) -> bool:
    if folder.is_dir() and any(_LICENCE_FILE.search(name) for _, _, names in os.walk(folder) for name in names):
        return True
    texts = [folder / "METADATA", folder / "PKG-INFO"] if folder.is_dir() else [folder]
    said = email.message_from_bytes(next((path.read_bytes() for path in texts if path.is_file()), b""))
    fields = [str(said.get(name, "")).strip().lower() for name in ("License", "License-Expression")]
    classifiers = [value for value in said.get_all("Classifier", []) if str(value).startswith("License ::")]
    return bool(classifiers) or any(field not in ("", "unknown", "none", "n/a") for field in fields)


def _pth(report: Report) -> Iterator[Problem]:
    files = [
        path for site in report.place.sites for path in Path(site).iterdir() if path.suffix == ".pth" and path.is_file()
    ]
    if len(files) != report.totals.pth_files:
        yield Problem(what=f"there are {len(files)} .pth files, not {report.totals.pth_files}")
    code = sum(_CODE.search(path.read_bytes()) is not None for path in files)
    if code > report.totals.findings.get("startup_code", 0):
        yield Problem(what=f"{code} .pth files hold code, not {report.totals.findings.get('startup_code', 0)}")
