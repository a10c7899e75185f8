"""RECORD files: what was installed, with hashes (packaging.python.org, "Recording installed projects")."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from examples.audit.checks.forms import Finding, Integrity, Kind, Place
from examples.audit.checks.places import name_of
from examples.audit.checks.texts import shown

__all__ = ["Entry", "is_native", "parse_record", "verify"]

_ALGORITHMS = ("sha256", "sha384", "sha512")
"""What the specification allows: sha256 or better."""
_LISTED = 50
_NATIVE = re.compile(r"\.(?:so|pyd|dll|dylib)(?:\.\d+)*$", re.IGNORECASE)

Fate = Literal["verified", "unhashed", "changed", "missing", "outside"]


class Entry(NamedTuple):
    """One line of a RECORD."""

    path: str
    """Relative to site-packages, or absolute."""
    algorithm: str = ""
    digest: bytes = b""


def parse_record(content: bytes) -> tuple[list[Entry], list[str]]:
    """The lines of a RECORD, and what is wrong with those that are no entries."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return [], [f"it is not UTF-8 (byte {error.start})"]
    entries: list[Entry] = []
    problems: list[str] = []
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in rows:
            if row:
                entry = _entry(row)
                if isinstance(entry, Entry):
                    entries.append(entry)
                else:
                    problems.append(f"line {rows.line_num}: {entry}")
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    return entries, problems


def _entry(row: Sequence[str]) -> Entry | str:
    """The entry in a line's fields (path, hash, size), or what is wrong."""
    path, stated = row[0], row[1] if len(row) > 1 else ""
    if len(row) > 3:
        return f"{len(row)} fields instead of 3"
    if not path or "\0" in path:
        return "no path"
    if not stated:
        return Entry(path)
    algorithm, equals, encoded = stated.partition("=")
    if not equals or algorithm not in _ALGORITHMS:
        return f"{shown(stated, 20)} is no hash by {', '.join(_ALGORITHMS)}"
    try:
        digest = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.new(algorithm).digest_size:
        return f"{shown(encoded, 20)} is no {algorithm}"
    return Entry(path, algorithm, digest)


def is_native(path: str) -> bool:
    """Whether a file is a native library, by its name."""
    return _NATIVE.search(path) is not None


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip(os.sep) + os.sep)


def _fate(entry: Entry, site: Path, place: Place) -> Fate:
    path = os.path.normpath(site / entry.path)
    # By name alone: installers may link files to a cache, and the content is what counts.
    if not _within(path, place.prefix):
        return "outside"
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        # Bytecode without a hash is made and thrown away as Python likes.
        return "unhashed" if not entry.algorithm and path.endswith(".pyc") else "missing"
    if not entry.algorithm:
        return "unhashed"
    return "verified" if stat.S_ISREG(found.st_mode) and _digest(path, entry.algorithm) == entry.digest else "changed"


def _digest(path: str, algorithm: str) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return None


def verify(folder: Path, place: Place) -> Integrity:
    """Compare a distribution's files with its RECORD."""
    name = name_of(folder)
    try:
        content = (folder / "RECORD").read_bytes()
    except OSError:
        return Integrity(findings=[Finding(kind="no_record", subject=name)])
    entries, problems = parse_record(content)
    findings = [Finding(kind="bad_record", subject=name, detail=problem) for problem in problems]
    fates: Counter[Fate] = Counter()
    for entry in entries:
        fate = _fate(entry, folder.parent, place)
        fates[fate] += 1
        if fate in ("changed", "missing", "outside"):
            kind: Kind = fate
            findings.append(Finding(kind=kind, subject=shown(entry.path), detail=f"of {name}"))
    return Integrity(
        files=len(entries),
        native=sum(is_native(entry.path) for entry in entries),
        findings=findings[:_LISTED],
        **dict(fates),
    )
