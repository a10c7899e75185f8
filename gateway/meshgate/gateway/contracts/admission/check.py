"""The check of a release: what its registration would answer, with nothing stored."""

from __future__ import annotations

from functools import partial

import msgspec

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.versions import Version
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.releases import release_of
from meshgate.registry.limits import check_blob
from meshgate.registry.model import Capability
from meshgate.registry.schemas import (
    Image,
    Incompatible,
    Release,
    StageRefused,
    Subject,
    VersionRetired,
    VersionTaken,
    Violation,
    examine,
)

__all__ = ["CheckResult", "check"]


class CheckResult(msgspec.Struct, frozen=True):
    """The result of a check."""

    compatible: bool
    """Whether the release keeps the contract, so that it can be proposed."""
    code: str = ""
    """The code of the refusal: INCOMPATIBLE, VERSION_TAKEN, VERSION_RETIRED; STAGE_REFUSED for a compatible release
    that has to be proposed or promoted before an agent joins with it; "" if there is none.
    """
    message: str = ""
    """The refusal as text, with what to do about it."""
    violations: tuple[Violation, ...] = ()
    """Every reason if the code is INCOMPATIBLE, ``limits.schema_reasons`` at most."""
    suggested_version: str = ""
    """A version that would be accepted: the next minor one if the release keeps the contract, else the next major."""
    stale: bool = False
    """Whether the gateway judged by the last known state, because the registry is unavailable."""


async def check(gate: SchemaGate, agent: str, skill: Capability, images: tuple[bytes, ...]) -> CheckResult:
    """Judge one release of a skill as its registration would be judged. Nothing is stored.

    Args:
        gate: judges registrations.
        agent: whose skill it is, as ``in_tenant`` spells it.
        skill: its name, version, contracts and migrations.
        images: descriptor sets that the contracts name by digest, where they are not stored yet.

    Raises:
        BadSchema: an image is not valid, is missing, or lacks a type.
        InvalidParams: the release is not well formed, or has no contract.
        RegistryUnavailable: the registry is unavailable, and the skill has no last known state.
    """
    state = await gate.state_of(f"{agent}/{skill.skill}")
    (skill,), known = await gate.load_skills((skill,), images)
    release = release_of(skill, 0.0)
    if not release.sides:
        raise InvalidParams("there is no contract to check: name the type and the image of the input or the output")
    subject = state.subject
    try:
        check_blob((await gate.admit_releases(subject, (release,), known)).encode())
    except (Incompatible, VersionTaken, VersionRetired) as error:
        return await _refused(gate, error, subject, release, known, stale=state.stale)
    except StageRefused as error:
        return CheckResult(compatible=True, code=error.code, message=error.message, stale=state.stale)
    return CheckResult(compatible=True, stale=state.stale)


async def _refused(
    gate: SchemaGate, error: MeshError, subject: Subject, release: Release, known: dict[str, Image], *, stale: bool
) -> CheckResult:
    majors = [one.semver().major for one in subject.releases]
    major = release.semver().major
    found: tuple[Violation, ...] = ()
    if isinstance(error, Incompatible):
        found = await _examined(gate, subject, release, known)
    suggested = msgspec.structs.replace(release, version=_next_minor(subject, major))
    if found or await _examined(gate, subject, suggested, known):
        suggested = msgspec.structs.replace(release, version=f"{max((*majors, major)) + 1}.0.0")
    return CheckResult(
        compatible=False,
        code=error.code,
        message=error.message,
        violations=found[: gate.limits.schema_reasons],
        suggested_version=suggested.version,
        stale=stale,
    )


async def _examined(
    gate: SchemaGate, subject: Subject, release: Release, known: dict[str, Image]
) -> tuple[Violation, ...]:
    size = await gate.load_compared(subject, release, known)
    return await gate.store.aside(partial(examine, subject, release, known), size)


def _next_minor(subject: Subject, major: int) -> str:
    same: list[Version] = [one.semver() for one in subject.releases if one.semver().major == major]
    return f"{major}.{max(one.minor for one in same) + 1}.0" if same else f"{major}.0.0"
