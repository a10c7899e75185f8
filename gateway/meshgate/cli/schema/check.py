"""Whether schemas in files go with those of the mesh, of a git ref or of another file: the work of ``schema check``."""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.cli.admin_client import Admin
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema import model as schema_views
from meshgate.cli.schema.api import find_subject, path_of
from meshgate.cli.schema.files import Entry, Side, Source, read_git, read_source
from meshgate.registry.schemas import Image, Mode, ReleaseSide, Violation, judge

__all__ = [
    "Asked",
    "Checked",
    "Report",
    "Told",
    "ask_mesh",
    "body_of",
    "check_files",
    "check_mesh",
    "mesh_entries",
]


class Asked(msgspec.Struct, frozen=True):
    """What to look at, and by which modes."""

    agent: str = ""
    skill: str = ""
    type: str = ""
    sides: tuple[str, ...] = ("input", "output")
    version: str = ""
    input: str = "BACKWARD_TRANSITIVE"
    output: str = "FORWARD_TRANSITIVE"
    strict: bool = False
    """Whether that counts too what gateways make up for."""

    def mode(self, side: str) -> Mode:
        """What that side has to keep."""
        return Mode(self.input if side == "input" else self.output)

    def has(self, entry: Entry) -> bool:
        """Whether the entry is among what to look at."""
        agent, _, skill = entry.subject.partition("/")
        return self.agent in ("", agent) and self.skill in ("", skill)


class Told(msgspec.Struct, frozen=True, order=True):
    """A violation, and which side of the contract it is on."""

    path: str
    side: str
    """``input``, ``output``, both with a comma, or nothing where the mesh does not say."""
    rule: str
    direction: str
    form: str
    what: str
    remedy: str
    mediated: bool = False
    against: str = ""
    """The version of the release of the mesh that was compared with."""


class Checked(msgspec.Struct, frozen=True):
    """What became of one skill, or of one file."""

    subject: str
    """AGENT/SKILL, or the name of a file."""
    version: str
    against: str
    """What it was compared with; empty if there was nothing."""
    compatible: bool
    code: str = ""
    message: str = ""
    violations: tuple[Told, ...] = ()
    translated: tuple[Told, ...] = ()
    """What gateways make up for."""
    notes: tuple[str, ...] = ()
    suggested_version: str = ""


class Report(msgspec.Struct, frozen=True):
    """Everything that was checked."""

    compatible: bool
    against: str
    checked: tuple[Checked, ...]


class _Pair(msgspec.Struct, frozen=True):
    """Two things to compare, side by side: (name of the side, as it was, as it is)."""

    subject: str
    version: str
    against: str = ""
    before: Version = Version(1)
    after: Version = Version(1)
    sides: tuple[tuple[str, Side | None, Side | None], ...] = ()
    notes: tuple[str, ...] = ()


def _report(against: str, checked: Iterable[Checked]) -> Report:
    found = tuple(checked)
    return Report(all(one.compatible for one in found), against, found)


# -- against files


def check_files(path: str, against: str, asked: Asked) -> Report:
    """Compare a file with itself at a commit (``git:REF``), or with another one (``image:FILE``).

    Raises:
        CliError: one of the two cannot be read, or there is nothing of what was asked for.
    """
    new = read_source(path)
    kind, _, name = against.partition(":")
    old = read_git(name, path) if kind == "git" else read_source(name)
    try:
        if new.image is not None:
            return _report(against, [_judged(_image_pair(new, new.image, old, asked), asked)])
        return _report(against, [_judged(_entry_pair(one, old, asked), asked) for one in _entries(new, asked)])
    except MeshError as error:
        raise CliError(error.message, Exit.USAGE) from None


def _entries(source: Source, asked: Asked) -> Sequence[Entry]:
    """The skills to look at."""
    if asked.type:
        raise CliError("--type is for descriptor sets; a lock file names its types", Exit.USAGE)
    found = [one for one in source.entries if asked.has(one)]
    if not found and (asked.agent or asked.skill):
        has = ", ".join(one.subject for one in source.entries) or "none"
        raise CliError(f"{source.name} has no such skill", Exit.USAGE, f"it has {has}")
    if asked.version and len(found) > 1:
        raise CliError("--version is for one skill", Exit.USAGE, "name it with --skill")
    return found


def _entry_pair(entry: Entry, old: Source, asked: Asked) -> _Pair:
    """A skill of a lock file and what it was."""
    after = parse_version(asked.version or entry.version)
    had = old.entry(entry.subject)
    if old.image is not None:
        sides = [(name, old.declaring(side.type), side) for name, side in _sides(entry)]
        notes = tuple(f"{old.name} declares no {side.type}" for _, was, side in sides if was is None)
        known = tuple(each for each in sides if each[1] is not None)
        return _Pair(entry.subject, str(after), f"what is {old.place}" if known else "", after, after, known, notes)
    if had is None:
        return _Pair(entry.subject, str(after), notes=(f"new: it is not {old.place}",))
    before = parse_version(had.version)
    if before.major != after.major:
        notes = (f"a new major version after {before} {old.place}: anything may change",)
        return _Pair(entry.subject, str(after), notes=notes)
    both = tuple((name, had.side(name), entry.side(name)) for name in ("input", "output"))
    same = before == after and any(was != now for _, was, now in both)
    notes = (f"it changed and still is {after}: raise the version if {after} was released",) if same else ()
    return _Pair(entry.subject, str(after), f"{before} {old.place}", before, after, both, notes)


def _sides(entry: Entry) -> list[tuple[str, Side]]:
    return [(name, side) for name in ("input", "output") if (side := entry.side(name)) is not None]


def _image_pair(new: Source, image: Image, old: Source, asked: Asked) -> _Pair:
    """The messages of a descriptor set, or the one that was asked for, and what they were."""
    if asked.type:
        image.message(asked.type)  # raises and says which there are
    had = [side for name in ([asked.type] if asked.type else old.types) if (side := old.declaring(name)) is not None]
    sides = tuple((name, was, new.declaring(was.type)) for was, name in product(had, asked.sides))
    notes = () if had else (f"{old.name} has no {asked.type or 'types'}",)
    return _Pair(new.name, asked.version, f"what is {old.place}" if had else "", sides=sides, notes=notes)


def _judged(pair: _Pair, asked: Asked) -> Checked:
    after = pair.after
    if pair.before == after:
        after = Version(after.major, after.minor, after.patch + 1)
    broken: dict[Violation, set[str]] = {}
    mended: dict[Violation, set[str]] = {}
    for name, was, now in pair.sides:
        history, release, mode = [_contract(pair.before, was)], _contract(after, now), asked.mode(name)
        counted = judge(history, release, mode, mediated=not asked.strict)
        for one in judge(history, release, mode):
            (broken if one in counted else mended).setdefault(one, set()).add(name)
    named = "/" in pair.subject and bool(pair.version)
    return Checked(
        pair.subject,
        pair.version,
        pair.against,
        compatible=not broken,
        code="INCOMPATIBLE" if broken else "",
        violations=_told(broken),
        translated=_told(mended),
        notes=pair.notes,
        suggested_version=f"{after.major + 1}.0.0" if broken and named else "",
    )


def _contract(version: Version, side: Side | None) -> ReleaseSide:
    return ReleaseSide(version) if side is None else ReleaseSide(version, side.image, side.type)


def _told(found: Mapping[Violation, set[str]]) -> tuple[Told, ...]:
    return tuple(sorted(_tell(one, ", ".join(sorted(sides))) for one, sides in found.items()))


def _tell(one: Violation | schema_views.Violation, side: str = "", against: str = "") -> Told:
    return Told(one.path, side, one.rule, one.direction, one.form, one.what, one.remedy, one.mediated, against)


# -- against the mesh


def check_mesh(source: Source, asked: Asked, admin: Admin) -> Report:
    """Ask the mesh what it would say if an agent registered what a file holds. Nothing is stored.

    Raises:
        CliError: the mesh does not answer, takes the schema for none, or there is nothing of what was asked for.
    """
    return ask_mesh(mesh_entries(source, asked, admin), asked, admin)


def mesh_entries(source: Source, asked: Asked, admin: Admin) -> Sequence[Entry]:
    """The releases that a file would make in the mesh. Raises as ``check_mesh`` does."""
    with _asking():
        image = source.image
        return [_image_entry(image, asked, admin)] if image is not None else _entries(source, asked)


def ask_mesh(entries: Iterable[Entry], asked: Asked, admin: Admin) -> Report:
    """Ask the mesh about these releases. Raises as ``check_mesh`` does."""
    with _asking():
        return _report("registry", [_ask(one, asked, admin) for one in entries])


@contextmanager
def _asking() -> Generator[None]:
    try:
        yield
    except MeshError as error:
        raise CliError(error.message, Exit.USAGE) from None
    except CliError as error:
        # Exit code 1 says that a contract is broken, and nothing else.
        raise CliError(error.message, Exit.USAGE if error.code == Exit.FAILED else error.code, error.remedy) from None


def body_of(entry: Entry, asked: Asked) -> dict[str, Any]:
    """What the mesh is told of a release."""
    images = {side.image.digest: side.image.data for _, side in _sides(entry) if side.image.data}
    return {
        "version": asked.version or entry.version,
        **{name: {"type": side.type, "hash": side.image.digest} for name, side in _sides(entry)},
        "migrations": msgspec.to_builtins(entry.migrations),
        "images": [base64.b64encode(data).decode() for data in images.values()],
    }


def _ask(entry: Entry, asked: Asked, admin: Admin) -> Checked:
    body = body_of(entry, asked)
    found: schema_views.Verdict = admin.post(f"{path_of(entry.subject)}/check", body, schema_views.Verdict)
    notes = ["the registry is away: judged by what the gateway knew last"] if found.stale else []
    if found.compatible and found.message:
        notes.append(found.message)  # what an agent that brings it has to wait for
    return Checked(
        entry.subject,
        str(body["version"]),
        "the mesh",
        found.compatible,
        found.code,
        found.message,
        tuple(_tell(one, against=one.against) for one in found.violations),
        notes=tuple(notes),
        suggested_version=found.suggested_version,
    )


def _image_entry(image: Image, asked: Asked, admin: Admin) -> Entry:
    """The release that a descriptor set would make: one side of it, with the other as that release has it if it is
    there already, else as the latest one has it.
    """
    if not (asked.agent and asked.skill and asked.type and len(asked.sides) == 1):
        remedy = "name them: --agent NAME --skill SKILL --type pkg.Message --side input (or output)"
        raise CliError("a descriptor set does not say which skill's contract it is", Exit.USAGE, remedy)
    image.message(asked.type)
    name = f"{asked.agent}/{asked.skill}"
    (side,) = asked.sides
    own = Side(asked.type, image)
    known = find_subject(admin, name)
    releases = known.releases if known is not None else ()
    version = parse_version(asked.version or _next_patch(releases))
    same = [one for one in releases if parse_version(one.version).major == version.major]
    same = [one for one in same if parse_version(one.version) == version] or same
    ref = (same[-1].output if side == "input" else same[-1].input) if same else None
    # The mesh has the image of that release, so it needs no bytes.
    other = Side(ref.type, Image(b"", ref.hash)) if ref is not None else None
    sides = (own, other) if side == "input" else (other, own)
    return Entry(name, str(version), *sides)


def _next_patch(releases: Sequence[schema_views.Release]) -> str:
    if not releases:
        return "1.0.0"
    latest = parse_version(releases[-1].version)
    return str(Version(latest.major, latest.minor, latest.patch + 1))
