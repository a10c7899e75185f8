"""A subject: all releases of one skill's contract, what registration does to it, and the stages of a release.

Everything here is a pure function of values: a registry stores what :meth:`Subject.encode` wrote.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.selector import NAME
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.registry.model import Migration, SchemaRef
from meshgate.registry.schemas.errors import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.modes import Contract, Mode, judge
from meshgate.registry.schemas.violation import Violation

__all__ = ["Migration", "Release", "Settings", "Stage", "Subject", "admit", "check_release", "examine", "promote"]

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}(?:\.[A-Za-z_][A-Za-z0-9_]{0,127}){0,31}\Z")
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\Z")
_MOST_TEXT = 1024
_MOST_TOLD = 500
"""Most reasons that one refusal carries; its message has their number."""

_MOST_MIGRATIONS = 32
_MOST_TARGETS = 64


class Stage(enum.StrEnum):
    """How far a release is in its life."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


_STEPS = frozenset(
    {
        (Stage.PROPOSED, Stage.ACTIVE),
        (Stage.PROPOSED, Stage.RETIRED),
        (Stage.ACTIVE, Stage.DEPRECATED),
        (Stage.DEPRECATED, Stage.RETIRED),
        (Stage.DEPRECATED, Stage.ACTIVE),
    }
)
_FORCED = frozenset({(Stage.RETIRED, Stage.DEPRECATED)})


class Release(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a contract."""

    version: str
    input: SchemaRef | None = None
    output: SchemaRef | None = None
    stage: Stage = Stage.ACTIVE
    owner: str = ""
    """Who answers for it."""
    steward: str = ""
    """Who may change its stage, if that is not the owner."""
    notice: str = ""
    """What callers of a deprecated release are told."""
    registered: float = 0.0
    """When it was registered, in seconds since 1970."""
    deprecated: float | None = None
    """When it was deprecated."""
    sunset: str = ""
    """The day on which it is to be retired, YYYY-MM-DD."""
    migrations: tuple[Migration, ...] = ()

    def semver(self) -> Version:
        """The version as a value that sorts."""
        return parse_version(self.version)

    @property
    def sides(self) -> tuple[SchemaRef, ...]:
        """The schemas that it has, the input's first."""
        return tuple(side for side in (self.input, self.output) if side is not None)

    def side(self, name: Literal["input", "output"]) -> SchemaRef | None:
        """The schema of one side, if it has one."""
        return self.input if name == "input" else self.output

    @property
    def served(self) -> bool:
        """Whether callers may speak it."""
        return self.stage in (Stage.ACTIVE, Stage.DEPRECATED)


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a subject demands of its releases, and what gateways do about differences."""

    input: Mode = Mode.BACKWARD_TRANSITIVE
    output: Mode = Mode.FORWARD_TRANSITIVE
    forms: tuple[Literal["wire", "json"], ...] = ("wire", "json")
    mediation: Literal["off", "observe", "enforce"] = "enforce"
    validate_output: bool = False
    review: bool = False
    """Whether releases have to be proposed and promoted before an agent brings them."""


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contract of one skill of an agent. ``releases`` are in the order of their versions."""

    agent: str
    skill: str
    releases: tuple[Release, ...] = ()
    settings: Settings = Settings()

    def encode(self) -> bytes:
        """The one byte form (JSON, keys in order)."""
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def decode(data: bytes) -> Subject:
        """The subject that :meth:`encode` wrote.

        Raises:
            msgspec.DecodeError: the bytes are no subject.
        """
        return msgspec.json.decode(data, type=Subject)

    def release(self, version: str) -> Release | None:
        """The release of that version, or None."""
        wanted = parse_version(version)
        return next((one for one in self.releases if one.semver() == wanted), None)


def admit(subject: Subject, release: Release, images: Mapping[str, Image], limits: Limits = DEFAULTS) -> Subject:
    """What registering or proposing ``release`` makes of the subject: the same one if it has this release already.

    Args:
        subject: the subject; one without releases takes the first.
        release: what an agent registers; one whose stage is proposed is a proposal.
        images: the images that the releases refer to, by digest.
        limits: how many releases are kept; beyond that the oldest retired one makes room.

    Raises:
        InvalidParams: the release is not well formed.
        BadSchema: an image, or a type in it, is missing.
        VersionTaken: the version exists with other content.
        VersionRetired: the version exists and was retired.
        Incompatible: it breaks the contract of its major version; ``violations`` holds every reason, up to 500.
        StageRefused: an agent brings it, and it is proposed and not active yet, or has to be proposed first.
    """
    check_release(release, limits)
    known = subject.release(release.version)
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
        shown = "; ".join(str(one) for one in found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
        told = tuple((one.path, f"{one.what}: {one.remedy} [{one.rule}]") for one in found[:_MOST_TOLD])
        remedy = f"mend them or raise the major version to {release.semver().major + 1}.0.0"
        raise Incompatible(f"{name} breaks the contract: {shown}: {remedy}", violations=told)
    _check_joins(subject, release)
    kept = _room(subject, limits)
    taken = msgspec.structs.replace(release, version=str(release.semver()))
    ordered = sorted((*kept, taken), key=lambda one: one.semver())
    return msgspec.structs.replace(subject, releases=tuple(ordered))


def _check_joins(subject: Subject, release: Release) -> None:
    """Refuse an agent whose release waits for somebody's word."""
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


def promote(
    subject: Subject, version: str, stage: Stage, *, now: float, notice: str = "", sunset: str = "", force: bool = False
) -> Subject:
    """The subject with one release in another stage; the same one if it is in that stage already, unless a deprecated
    one gets another notice or date.

    Args:
        subject: the subject.
        version: the release.
        stage: where it goes: from proposed to active, deprecated, retired; from proposed straight to retired, which
            withdraws it; back from deprecated to active.
        now: the time, in seconds since 1970.
        notice: what callers of a deprecated release are told.
        sunset: the day on which it is to be retired, YYYY-MM-DD.
        force: allows the way back from retired to deprecated.

    Raises:
        InvalidParams: there is no such release, or a date or text is not well formed.
        StageRefused: there is no way from its stage to that one.
    """
    release = subject.release(version)
    if release is None:
        raise InvalidParams(f"{subject.agent}/{subject.skill} has no release {version}: list its releases")
    if release.stage is stage and not (stage is Stage.DEPRECATED and (notice or sunset)):
        return subject
    if release.stage is not stage:
        _check_step(release, stage, force=force)
    changed = msgspec.structs.replace(release, stage=stage)
    if stage is Stage.ACTIVE:
        changed = msgspec.structs.replace(changed, notice="", sunset="", deprecated=None)
    elif stage is Stage.DEPRECATED:
        notice, sunset = notice or release.notice, sunset or release.sunset
        since = release.deprecated if release.stage is stage else now
        changed = msgspec.structs.replace(changed, notice=notice, sunset=sunset, deprecated=since)
    _check_texts(changed)
    releases = tuple(changed if one is release else one for one in subject.releases)
    return msgspec.structs.replace(subject, releases=releases)


def _check_step(release: Release, stage: Stage, *, force: bool) -> None:
    step = (release.stage, stage)
    if step in _FORCED and not force:
        raise StageRefused(f"{release.version} is retired: use force to bring it back, or release a new version")
    if step not in _STEPS | _FORCED:
        ways = sorted(after.value for before, after in _STEPS if before is release.stage)
        told = " or ".join(ways) or "nothing else"
        raise StageRefused(f"{release.version} is {release.stage.value}, it can become {told}")


def check_release(release: Release, limits: Limits = DEFAULTS) -> None:
    """Refuse a release that is not well formed.

    Raises:
        InvalidParams: names what is wrong.
    """
    parse_version(release.version)
    for side in release.sides:
        if not (side.type and side.hash):
            raise InvalidParams("a contract names a message and its image: set both type and hash")
    _check_texts(release)
    if len(release.migrations) > _MOST_MIGRATIONS:
        raise InvalidParams(f"a release has at most {_MOST_MIGRATIONS} migrations: chain them through releases between")
    for migration in release.migrations:
        _check_migration(migration, limits)


def _check_texts(release: Release) -> None:
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


def _contract(release: Release, side: SchemaRef | None, images: Mapping[str, Image]) -> Contract:
    if side is None:
        return Contract(release.semver())
    image = images.get(side.hash)
    if image is None:
        raise BadSchema(side.type, f"the schema {side.hash[:64]} of {release.version} is not here", "register it anew")
    image.message(side.type)
    return Contract(release.semver(), image, side.type)


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
