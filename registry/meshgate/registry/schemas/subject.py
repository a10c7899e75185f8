"""A subject: all releases of one skill's contract, and what it demands of them.

A registry stores what :meth:`Subject.encode` wrote.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.registry.model import Migration, SchemaRef
from meshgate.registry.schemas.modes import Mode

__all__ = ["Release", "Stage", "Subject", "SubjectSettings"]


class Stage(enum.StrEnum):
    """The stage of a release in its life."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


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


class SubjectSettings(msgspec.Struct, frozen=True, omit_defaults=True):
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
    """The agent, as ``in_tenant`` spells it."""
    skill: str
    releases: tuple[Release, ...] = ()
    settings: SubjectSettings = SubjectSettings()
    default_major: int | None = None
    """The major version that callers speak who name no release; None before the first release is active."""

    @property
    def spoken(self) -> Release | None:
        """The release that callers speak who name none: the newest of the default major, an active one if there is."""
        major = self.with_default().default_major
        served = [one for one in self.releases if one.served and one.semver().major == major]
        return max(served, key=lambda one: (one.stage is Stage.ACTIVE, one.semver()), default=None)

    def with_default(self) -> Subject:
        """The subject with a default major that is served: its own, else the next higher one, else the highest.

        Of a subject without one it is the newest that is served.
        """
        served = sorted({one.semver().major for one in self.releases if one.served})
        if not served or self.default_major in served:
            return self
        known = self.default_major
        higher = [] if known is None else [major for major in served if major > known]
        return msgspec.structs.replace(self, default_major=higher[0] if higher else served[-1])

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
