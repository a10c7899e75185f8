"""Admission: what registering or proposing a release does to its subject. Pure functions of values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from meshgate.a2a.codec.short_text import shorten
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.selector import NAME
from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.model import Migration, SchemaRef
from meshgate.registry.schemas.errors import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.registry.schemas.history import judge
from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.modes import ReleaseSide
from meshgate.registry.schemas.subject import Release, Stage, Subject
from meshgate.registry.schemas.violation import Violation

__all__ = ["admit", "check_release", "check_texts", "examine"]

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}(?:\.[A-Za-z_][A-Za-z0-9_]{0,127}){0,31}\Z")
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\Z")
_MOST_TEXT = 1024
_MOST_MIGRATIONS = 32
_MOST_TARGETS = 64


def admit(subject: Subject, release: Release, images: Mapping[str, Image], limits: Limits = DEFAULTS) -> Subject:
    """What registering or proposing ``release`` makes of the subject: the same one if it has this release already.

    Args:
        subject: the subject; one without releases takes the first.
        release: what an agent registers; one whose stage is proposed is a proposal.
        images: the images that the releases refer to, by digest.
        limits: how many releases are kept (beyond that the oldest retired one makes room), and how many reasons told.

    Raises:
        InvalidParams: the release is not well formed.
        BadSchema: an image, or a type in it, is missing.
        VersionTaken: the version exists with other content.
        VersionRetired: the version exists and was retired.
        Incompatible: it breaks the contract of its major version; ``violations`` holds ``schema_reasons`` reasons.
        StageRefused: an agent brings it, and it is proposed and not active yet, or has to be proposed first.
    """
    check_release(release, limits)
    before, known = subject.with_default(), subject.release(release.version)
    name = f"{subject.agent}/{subject.skill} {release.semver()}"
    if known is not None and known.stage is Stage.RETIRED:
        raise VersionRetired(f"{name} was retired: raise the version")
    if known is not None:
        if _content(known) != _content(release):
            raise VersionTaken(f"{name} was released with another schema or other migrations: raise the version")
        _check_joins(subject, release)
        return subject
    found = examine(subject, release, images)
    if found:
        first, *others = found
        more = f", and {len(others)} more" if others else ""
        shown = f"{shorten(first.path, 36)}: {shorten(first.what, 50)}{more}"
        told = tuple((one.path, f"{one.what}: {one.remedy} [{one.rule}]") for one in found[: limits.schema_reasons])
        remedy = f"correct it or raise the major version to {release.semver().major + 1}.0.0"
        raise Incompatible(f"{name} breaks the contract: {shown}: {remedy}", violations=told)
    _check_joins(subject, release)
    kept = _room(subject, limits)
    taken = msgspec.structs.replace(release, version=str(release.semver()))
    ordered = sorted((*kept, taken), key=lambda one: one.semver())
    return msgspec.structs.replace(before, releases=tuple(ordered)).with_default()


def _check_joins(subject: Subject, release: Release) -> None:
    """Refuse an agent whose release has to be promoted first."""
    if release.stage is Stage.PROPOSED:
        return
    name = f"{subject.agent}/{subject.skill}"
    version = release.semver()
    known = subject.release(release.version)
    step = f"'meshgate schema promote {name} {version} active'"
    if known is not None and known.stage is Stage.PROPOSED:
        whom = f" (its steward: {known.steward[:100]})" if known.steward else ""
        raise StageRefused(f"{name} {version} is proposed, and not active yet: promote it with {step}{whom}")
    if known is None and subject.settings.review:
        first = "propose it with 'meshgate schema propose FILE'"
        raise StageRefused(f"{name} {version} is new, and releases of {name} are reviewed: {first}, then {step}")


def examine(subject: Subject, release: Release, images: Mapping[str, Image]) -> tuple[Violation, ...]:
    """Every reason why the subject's settings refuse ``release``: what :func:`admit` would raise, without raising.

    Retired releases do not count, and neither does one of the release's own version.

    Raises:
        BadSchema: an image, or a type in it, is missing.
    """
    version = release.semver()
    standing = [one for one in subject.releases if one.stage is not Stage.RETIRED and one.semver() != version]
    settings = subject.settings
    forms, mediated = frozenset(settings.forms), settings.mediation == "enforce"
    found: list[Violation] = []
    for mode, side in ((settings.input, "input"), (settings.output, "output")):
        new = _contract(release, getattr(release, side), images)
        history = [
            _contract(one, getattr(one, side), images) for one in standing if one.semver().major == version.major
        ]
        found += judge(history, new, mode, forms, mediated=mediated)
    return tuple(dict.fromkeys(found))


def check_release(release: Release, limits: Limits = DEFAULTS) -> None:
    """Refuse a release that is not well formed.

    Raises:
        InvalidParams: names what is wrong.
    """
    parse_version(release.version)
    for side in release.sides:
        if not (side.type and side.hash):
            raise InvalidParams("a contract names a message and its image: set both type and hash")
    check_texts(release)
    if len(release.migrations) > _MOST_MIGRATIONS:
        raise InvalidParams(f"a release has at most {_MOST_MIGRATIONS} migrations: chain them through releases between")
    for migration in release.migrations:
        _check_migration(migration, limits)


def check_texts(release: Release) -> None:
    """Refuse texts that are too long, or a sunset that is no day.

    Raises:
        InvalidParams: which of the two.
    """
    if max(len(release.owner), len(release.steward), len(release.notice)) > _MOST_TEXT:
        raise InvalidParams(f"owner, steward and notice have at most {_MOST_TEXT} characters")
    if release.sunset and _DATE.match(release.sunset) is None:
        raise InvalidParams(f"{release.sunset[:32]!r} is no day: write YYYY-MM-DD")


def _check_migration(migration: Migration, limits: Limits) -> None:
    _ = migration.versions  # is a range
    if bool(migration.function) == bool(migration.up or migration.down):
        raise InvalidParams("a migration has either expressions (up, down) or the name of an installed function")
    if migration.function and NAME.match(migration.function) is None:
        raise InvalidParams(f"{migration.function[:64]!r} is no name of a function: letters, digits, '.', '_', '-'")
    for targets in (migration.up, migration.down):
        if len(targets) > _MOST_TARGETS:
            raise InvalidParams(f"a migration sets at most {_MOST_TARGETS} fields each way: use a function")
        for path, expression in targets.items():
            if _PATH.match(path) is None:
                raise InvalidParams(f"{path[:64]!r} is no path of a field: write names with dots between")
            if not 0 < len(expression) <= limits.schema_cel:
                raise InvalidParams(f"{path[:64]}: an expression has 1 to {limits.schema_cel} characters")


def _content(release: Release) -> tuple[object, ...]:
    """What two registrations of one version must have in common."""
    sides = [(side.type, side.hash) if side is not None else None for side in (release.input, release.output)]
    return (*sides, release.migrations)


def _contract(release: Release, side: SchemaRef | None, images: Mapping[str, Image]) -> ReleaseSide:
    if side is None:
        return ReleaseSide(release.semver())
    image = images.get(side.hash)
    if image is None:
        raise BadSchema(side.type, f"the schema {side.hash[:64]} of {release.version} is not here", "register it again")
    image.message(side.type)
    return ReleaseSide(release.semver(), image, side.type)


def _room(subject: Subject, limits: Limits) -> tuple[Release, ...]:
    """The releases that stay when one more is to come."""
    if len(subject.releases) < limits.schema_releases:
        return subject.releases
    for release in subject.releases:
        if release.stage is Stage.RETIRED:
            return tuple(one for one in subject.releases if one is not release)
    remedy = "retire releases that nobody calls any more"
    raise InvalidParams(
        f"{subject.agent}/{subject.skill} has {limits.schema_releases} releases, the most kept: {remedy}"
    )
