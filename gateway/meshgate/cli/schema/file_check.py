"""The check against files: compares schemas with an earlier commit of their file, or with another file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.entries import entries_of, reported, sides_of
from meshgate.cli.schema.files import read_source
from meshgate.cli.schema.git import read_git
from meshgate.cli.schema.report import CheckOptions, EntryReport, Report, ReportedViolation, report_of
from meshgate.cli.schema.sources import Entry, SideSchema, Source
from meshgate.registry.schemas import Image, ReleaseSide, Violation, judge

__all__ = ["check_files"]


class _Comparison(msgspec.Struct, frozen=True):
    """One comparison. ``sides`` holds for each side its name, its schema before, and its schema now."""

    subject: str
    version: str
    against: str = ""
    before: Version = Version(1)
    after: Version = Version(1)
    sides: tuple[tuple[str, SideSchema | None, SideSchema | None], ...] = ()
    notes: tuple[str, ...] = ()


def check_files(path: str, against: str, options: CheckOptions) -> Report:
    """Compare a file with itself at a commit (``git:REF``), or with another one (``image:FILE``).

    Raises:
        CliError: one of the two cannot be read, or the file has nothing that the options name.
    """
    new = read_source(path)
    kind, _, name = against.partition(":")
    old = read_git(name, path) if kind == "git" else read_source(name)
    try:
        if new.image is not None:
            return report_of(against, [_judged(_image_pair(new, new.image, old, options), options)])
        return report_of(
            against, [_judged(_entry_pair(one, old, options), options) for one in entries_of(new, options)]
        )
    except MeshError as error:
        raise CliError(error.message, Exit.USAGE) from None


def _entry_pair(entry: Entry, old: Source, options: CheckOptions) -> _Comparison:
    """The comparison of a skill in a lock file."""
    after = parse_version(options.version or entry.version)
    had = old.entry(entry.subject)
    if old.image is not None:
        sides = [(name, old.declaring(side.type), side) for name, side in sides_of(entry)]
        notes = tuple(f"{old.name} declares no {side.type}" for _, was, side in sides if was is None)
        known = tuple(each for each in sides if each[1] is not None)
        return _Comparison(
            entry.subject, str(after), f"what is {old.place}" if known else "", after, after, known, notes
        )
    if had is None:
        return _Comparison(entry.subject, str(after), notes=(f"new: it is not {old.place}",))
    before = parse_version(had.version)
    if before.major != after.major:
        notes = (f"a new major version after {before} {old.place}: anything may change",)
        return _Comparison(entry.subject, str(after), notes=notes)
    both = tuple((name, had.side(name), entry.side(name)) for name in ("input", "output"))
    same = before == after and any(was != now for _, was, now in both)
    notes = (f"it changed and still is {after}: raise the version if {after} was released",) if same else ()
    return _Comparison(entry.subject, str(after), f"{before} {old.place}", before, after, both, notes)


def _image_pair(new: Source, image: Image, old: Source, options: CheckOptions) -> _Comparison:
    """The comparison of a descriptor set, or of its type that the options name."""
    if options.type:
        image.message(options.type)  # raises, and names the types that there are
    had = [
        side for name in ([options.type] if options.type else old.types) if (side := old.declaring(name)) is not None
    ]
    sides = tuple((name, was, new.declaring(was.type)) for was, name in product(had, options.sides))
    notes = () if had else (f"{old.name} has no {options.type or 'types'}",)
    return _Comparison(new.name, options.version, f"what is {old.place}" if had else "", sides=sides, notes=notes)


def _judged(pair: _Comparison, options: CheckOptions) -> EntryReport:
    after = pair.after
    if pair.before == after:
        after = Version(after.major, after.minor, after.patch + 1)
    broken: dict[Violation, set[str]] = {}
    translated: dict[Violation, set[str]] = {}
    for name, was, now in pair.sides:
        history, release, mode = [_contract(pair.before, was)], _contract(after, now), options.mode(name)
        counted = judge(history, release, mode, mediated=not options.strict)
        for one in judge(history, release, mode):
            (broken if one in counted else translated).setdefault(one, set()).add(name)
    named = "/" in pair.subject and bool(pair.version)
    return EntryReport(
        pair.subject,
        pair.version,
        pair.against,
        compatible=not broken,
        code="INCOMPATIBLE" if broken else "",
        violations=_told(broken),
        translated=_told(translated),
        notes=pair.notes,
        suggested_version=f"{after.major + 1}.0.0" if broken and named else "",
    )


def _contract(version: Version, side: SideSchema | None) -> ReleaseSide:
    return ReleaseSide(version) if side is None else ReleaseSide(version, side.image, side.type)


def _told(found: Mapping[Violation, set[str]]) -> tuple[ReportedViolation, ...]:
    return tuple(sorted(reported(one, ", ".join(sorted(sides))) for one, sides in found.items()))


# -- against the mesh
