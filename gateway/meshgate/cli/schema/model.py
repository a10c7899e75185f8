"""What the admin API answers about contracts, as far as the commands show it. See ``views.py``."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Listed", "Page", "Ref", "Release", "Settings", "Subject", "Usage", "UsageRow", "Verdict", "Violation"]


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message, and the image that it is in."""

    type: str
    hash: str = ""


class Violation(msgspec.Struct, frozen=True):
    """One reason why two schemas do not get along; see ``meshgate.registry.schemas.Violation``."""

    path: str
    rule: str
    direction: str = "both"
    form: str = "both"
    what: str = ""
    remedy: str = ""
    mediated: bool = False
    against: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What would come of registering a release now."""

    compatible: bool
    code: str = ""
    message: str = ""
    violations: tuple[Violation, ...] = ()
    suggested_version: str = ""
    stale: bool = False


class Listed(msgspec.Struct, frozen=True):
    """A subject in the list."""

    subject: str
    latest: str = ""
    releases: int = 0
    stages: dict[str, int] = {}
    input: str = ""
    output: str = ""
    mediation: str = ""


class Page(msgspec.Struct, frozen=True):
    """A part of the list, and where the next begins."""

    subjects: tuple[Listed, ...] = ()
    next: str | None = None


class Settings(msgspec.Struct, frozen=True):
    """What a subject demands of its releases, and what gateways do."""

    input: str = ""
    output: str = ""
    forms: tuple[str, ...] = ()
    mediation: str = ""
    validate_output: bool = False
    review: bool = False


class Release(msgspec.Struct, frozen=True):
    """One version of a contract."""

    version: str
    stage: str = "active"
    input: Ref | None = None
    output: Ref | None = None
    owner: str = ""
    steward: str = ""
    notice: str = ""
    registered: float | None = None
    deprecated: float | None = None
    sunset: str = ""
    migrations: tuple[dict[str, Any], ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """The contract of one skill, with all its releases."""

    subject: str
    settings: Settings = Settings()
    releases: tuple[Release, ...] = ()
    stale: bool = False

    def release(self, version: str) -> Release | None:
        """The release of that version."""
        return next((one for one in self.releases if one.version == version), None)


class UsageRow(msgspec.Struct, frozen=True):
    """What one caller did with one version in one direction."""

    caller: str = ""
    version: str = ""
    direction: str = ""
    agent_version: str = ""
    calls: int = 0
    invalid: int = 0
    fields: dict[str, int] = {}
    first: float = 0.0
    last: float = 0.0


class Usage(msgspec.Struct, frozen=True):
    """Who uses which version, as far as the gateways have counted."""

    subject: str
    since: dict[str, float] = {}
    missing: tuple[str, ...] = ()
    forgotten: int = 0
    rows: tuple[UsageRow, ...] = ()
