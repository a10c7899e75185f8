"""The answers of the admin API about contracts. ``views/model.py`` says why they repeat the gateway's own."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "CheckResult",
    "ContractSettings",
    "ContractUsage",
    "MessageRef",
    "ReleaseView",
    "SubjectPage",
    "SubjectSummary",
    "SubjectView",
    "UsageRow",
    "Violation",
]


class MessageRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message type, and the image that holds it."""

    type: str
    hash: str = ""


class Violation(msgspec.Struct, frozen=True):
    """One incompatibility of two schemas; see ``meshgate.registry.schemas.Violation``."""

    path: str
    rule: str
    direction: str = "both"
    form: str = "both"
    what: str = ""
    remedy: str = ""
    mediated: bool = False
    against: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """The gateway's check of a release."""

    compatible: bool
    code: str = ""
    message: str = ""
    violations: tuple[Violation, ...] = ()
    suggested_version: str = ""
    stale: bool = False


class SubjectSummary(msgspec.Struct, frozen=True):
    """A subject in the list."""

    subject: str
    latest: str = ""
    releases: int = 0
    stages: dict[str, int] = {}
    input: str = ""
    output: str = ""
    mediation: str = ""


class SubjectPage(msgspec.Struct, frozen=True):
    """One page of the list, and where the next begins."""

    subjects: tuple[SubjectSummary, ...] = ()
    next: str | None = None


class ContractSettings(msgspec.Struct, frozen=True):
    """The rules for a subject's releases, and what gateways do."""

    input: str = ""
    output: str = ""
    forms: tuple[str, ...] = ()
    mediation: str = ""
    validate_output: bool = False
    review: bool = False


class ReleaseView(msgspec.Struct, frozen=True):
    """One version of a contract."""

    version: str
    stage: str = "active"
    input: MessageRef | None = None
    output: MessageRef | None = None
    owner: str = ""
    steward: str = ""
    notice: str = ""
    registered: float | None = None
    deprecated: float | None = None
    sunset: str = ""
    migrations: tuple[dict[str, Any], ...] = ()


class SubjectView(msgspec.Struct, frozen=True):
    """The contract of one skill, with all its releases."""

    subject: str
    settings: ContractSettings = ContractSettings()
    releases: tuple[ReleaseView, ...] = ()
    stale: bool = False
    default_major: int | None = None
    """The major version that callers speak who name no release."""

    def release(self, version: str) -> ReleaseView | None:
        """The release of that version."""
        return next((one for one in self.releases if one.version == version), None)


class UsageRow(msgspec.Struct, frozen=True):
    """The counted messages of one caller with one version in one direction."""

    caller: str = ""
    version: str = ""
    direction: str = ""
    agent_version: str = ""
    calls: int = 0
    invalid: int = 0
    fields: dict[str, int] = {}
    first: float = 0.0
    last: float = 0.0


class ContractUsage(msgspec.Struct, frozen=True):
    """The users of each version of a contract, by the counts of the gateways."""

    subject: str
    since: dict[str, float] = {}
    missing: tuple[str, ...] = ()
    forgotten: int = 0
    rows: tuple[UsageRow, ...] = ()
