"""The answers of the admin API about contracts, as msgspec values. The API's OpenAPI description has their schemas."""

from __future__ import annotations

from typing import Literal

import msgspec

from meshgate.gateway.contracts.admission.check import CheckResult
from meshgate.gateway.contracts.usage_rows import UsageRow
from meshgate.registry.model import Migration, SchemaRef
from meshgate.registry.schemas import Mode, Stage

__all__ = ["ANSWERS", "ReleaseView", "SettingsView", "SubjectPage", "SubjectSummary", "SubjectView", "UsageAnswer"]


class SubjectSummary(msgspec.Struct, frozen=True):
    """One subject in a list. ``latest`` is the newest release that is served, with its types, if there is one."""

    subject: str
    latest: str
    releases: int
    stages: dict[Stage, int]
    input: str
    output: str
    mediation: str


class SubjectPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of subjects in the order of their names. ``next`` is the ``after`` of the next page, if there is one."""

    subjects: tuple[SubjectSummary, ...]
    next: str = ""


class SettingsView(msgspec.Struct, frozen=True):
    """A subject's settings."""

    input: Mode
    output: Mode
    forms: tuple[Literal["wire", "json"], ...]
    mediation: Literal["off", "observe", "enforce"]
    validate_output: bool
    review: bool


class ReleaseView(msgspec.Struct, frozen=True):
    """One release; times are seconds since 1970."""

    version: str
    stage: Stage
    input: SchemaRef | None
    output: SchemaRef | None
    owner: str
    steward: str
    notice: str
    registered: float
    deprecated: float | None
    sunset: str
    migrations: tuple[Migration, ...]


class SubjectView(msgspec.Struct, frozen=True):
    """A subject. ``stale`` means that the registry is unavailable and this is the last known state."""

    subject: str
    settings: SettingsView
    releases: tuple[ReleaseView, ...]
    stale: bool
    default_major: int | None = None
    """The major version that callers speak who name no release."""


class UsageAnswer(msgspec.Struct, frozen=True):
    """Usage of one subject, summed over all gateways."""

    subject: str
    since: dict[str, float]
    """When each gateway began to count, in seconds since 1970."""
    missing: tuple[str, ...]
    """The gateways that did not answer."""
    forgotten: int
    """How many rows, of any subject, gateways have dropped to make room for others."""
    rows: tuple[UsageRow, ...]


ANSWERS = (SubjectPage, SubjectView, CheckResult, ReleaseView, SettingsView, UsageAnswer)
"""The values whose schemas the API's description has."""
