"""What the admin API's part for contracts is asked and answers.

Answers are msgspec's values; their schemas stand in the API's description beside the models of requests.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from meshgate.gateway.contracts.admission.check import CheckResult
from meshgate.gateway.contracts.usage_rows import UsageRow
from meshgate.registry.model import Migration, SchemaRef
from meshgate.registry.schemas import Mode, Stage

__all__ = [
    "ANSWERS",
    "CheckBody",
    "ContractBody",
    "MigrationBody",
    "PromoteBody",
    "ProposeBody",
    "ReleaseView",
    "SettingsBody",
    "SettingsView",
    "SubjectPage",
    "SubjectSummary",
    "SubjectView",
    "UsageAnswer",
]

_Images = Annotated[list[Annotated[str, Field(max_length=1024 * 1024)]], Field(max_length=256)]


# -- what is asked


class ContractBody(BaseModel):
    """One side of a release."""

    type: str = Field(min_length=1, max_length=512, description="full name of the message")
    hash: str = Field(min_length=1, max_length=64, description="digest of an image that is sent or stored")


class MigrationBody(BaseModel):
    """How data passes between a release and earlier ones."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    source: str = Field(alias="from", description="a version, or a range such as ^1")
    up: dict[str, str] = {}
    down: dict[str, str] = {}
    function: str = ""
    side: Literal["", "input", "output"] = ""


class CheckBody(BaseModel):
    """A release that might be registered."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(min_length=1, max_length=100)
    input: ContractBody | None = None
    output: ContractBody | None = None
    migrations: list[MigrationBody] = Field(default=[], max_length=32)
    images: _Images = Field(default=[], description="descriptor sets in base64")


class ProposeBody(CheckBody):
    """A release that is to be stored before an agent brings it."""

    owner: str = Field(default="", max_length=1024, description="who answers for it")
    steward: str = Field(default="", max_length=1024, description="who may change its stage, if that is not the owner")


class PromoteBody(BaseModel):
    """A release's new stage."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(min_length=1, max_length=100)
    stage: Stage
    notice: str = Field(default="", max_length=1024, description="what callers of a deprecated release are told")
    sunset: str = Field(default="", max_length=10, description="the day on which it is to be retired, YYYY-MM-DD")
    force: bool = Field(default=False, description="allows the way back from retired to deprecated")


class SettingsBody(BaseModel):
    """What to change of a subject's settings; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    input: Mode = Mode.BACKWARD_TRANSITIVE
    output: Mode = Mode.FORWARD_TRANSITIVE
    forms: list[Literal["wire", "json"]] = Field(default=["wire", "json"], min_length=1, max_length=2)
    mediation: Literal["off", "observe", "enforce"] = "enforce"
    validate_output: bool = False
    review: bool = Field(default=False, description="whether a release is proposed and promoted before an agent joins")


# -- what is answered


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
    """Some subjects in the order of their names; ``next`` is what to say as ``after`` for more, if there is more."""

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
    """A subject. ``stale``: the registry is away, this is what the gateway knew last."""

    subject: str
    settings: SettingsView
    releases: tuple[ReleaseView, ...]
    stale: bool


class UsageAnswer(msgspec.Struct, frozen=True):
    """Usage of one subject, summed over all gateways."""

    subject: str
    since: dict[str, float]
    """When each gateway began to count, in seconds since 1970."""
    missing: tuple[str, ...]
    """The gateways that did not answer."""
    forgotten: int
    """Rows, of any subject, that made room for others."""
    rows: tuple[UsageRow, ...]


ANSWERS = (SubjectPage, SubjectView, CheckResult, ReleaseView, SettingsView, UsageAnswer)
"""What the API's description names."""
