"""The bodies of requests to the admin API, as pydantic checks them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.gateway.identity.key_record import KeyKind
from meshgate.registry.model import SwitchKind
from meshgate.registry.schemas import Mode, Stage

__all__ = [
    "AcceptRequest",
    "CheckBody",
    "ContractBody",
    "DefaultBody",
    "DrainRequest",
    "KeyRequest",
    "KillRequest",
    "MigrationBody",
    "PromoteBody",
    "ProposeBody",
    "RotateRequest",
    "SettingsBody",
]

_Images = Annotated[list[Annotated[str, Field(max_length=1024 * 1024)]], Field(max_length=256)]


class ContractBody(BaseModel):
    """One side of a release."""

    type: str = Field(min_length=1, max_length=512, description="full name of the message")
    hash: str = Field(min_length=1, max_length=64, description="digest of an image that is sent or stored")


class MigrationBody(BaseModel):
    """A migration between a release and earlier ones."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    source: str = Field(alias="from", description="a version, or a range such as ^1")
    up: dict[str, str] = {}
    down: dict[str, str] = {}
    function: str = ""
    side: Literal["", "input", "output"] = ""


class CheckBody(BaseModel):
    """A release to check."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(min_length=1, max_length=100)
    input: ContractBody | None = None
    output: ContractBody | None = None
    migrations: list[MigrationBody] = Field(default=[], max_length=32)
    images: _Images = Field(default=[], description="descriptor sets in base64")


class ProposeBody(CheckBody):
    """A release to store before any agent runs it."""

    owner: str = Field(default="", max_length=1024, description="who is responsible for it")
    steward: str = Field(default="", max_length=1024, description="who may change its stage, if that is not the owner")


class PromoteBody(BaseModel):
    """A release's new stage."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(min_length=1, max_length=100)
    stage: Stage
    notice: str = Field(default="", max_length=1024, description="what callers of a deprecated release are told")
    sunset: str = Field(default="", max_length=10, description="the day on which it is to be retired, YYYY-MM-DD")
    force: bool = Field(default=False, description="allows the way back from retired to deprecated")


class DefaultBody(BaseModel):
    """The major version that callers speak who name no release."""

    model_config = ConfigDict(extra="forbid")

    major: int = Field(ge=0)


class SettingsBody(BaseModel):
    """Changes of a subject's settings; a setting that is left out stays."""

    model_config = ConfigDict(extra="forbid")

    input: Mode = Mode.BACKWARD_TRANSITIVE
    output: Mode = Mode.FORWARD_TRANSITIVE
    forms: list[Literal["wire", "json"]] = Field(default=["wire", "json"], min_length=1, max_length=2)
    mediation: Literal["off", "observe", "enforce"] = "enforce"
    validate_output: bool = False
    review: bool = Field(default=False, description="whether a release is proposed and promoted before an agent joins")


class KillRequest(BaseModel):
    """A kill switch to throw or lift."""

    kind: SwitchKind = Field(description="what is switched off")
    name: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=500, description="told to callers that are refused or ended")
    ahead: bool = Field(default=False, description="allows a name that nobody has yet")
    let_finish: bool = Field(default=False, description="lets calls that are open end by themselves; not for a job")


_Patterns = Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    kind: KeyKind = Field(description="what it is for: to call agents, to register agents, or to open this API")
    name: str = Field(description="whose it is: tasks, rates and records belong to this name")
    tenant: str = Field(default=DEFAULT_TENANT, description="whose agents it sees")
    agents: _Patterns = Field(default=("*",), description="patterns of the agents that may be called, or registered")
    skills: _Patterns = Field(default=("*",), description="patterns of the skills that may be called")
    roles: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="operator (join): may list foreign agents; admin (client): may act on all tasks of its tenant",
    )
    principal: Literal["user", "service"] = "user"
    expires: float = Field(default=0.0, ge=0.0, le=1e11, description="seconds since 1970; 0: it does not expire")


class RotateRequest(BaseModel):
    """How long the old key stays."""

    model_config = ConfigDict(extra="forbid")

    keep: float = Field(
        default=3600.0, ge=0.0, le=30 * 86400.0, description="seconds for which the old key stays valid"
    )


class AcceptRequest(BaseModel):
    """A card to accept."""

    model_config = ConfigDict(extra="forbid")

    agent: str = Field(min_length=1, max_length=128)
    tenant: str = Field(default=DEFAULT_TENANT, max_length=128)
    candidate: str = Field(default="", max_length=64, description="hash of the card that was looked at; any if empty")


class DrainRequest(BaseModel):
    """The gateway to drain, or to take back."""

    gateway: str = Field(default="", description="a gateway's id; empty for all", max_length=100)
    on: bool = True
