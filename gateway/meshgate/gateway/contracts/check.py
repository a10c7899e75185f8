"""What registering a release would say, without registering it."""

from __future__ import annotations

from functools import partial

import msgspec

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.versions import Version
from meshgate.gateway.contracts.gate import SchemaGate, release_of
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

__all__ = ["Verdict", "check"]

_MOST_TOLD = 500
"""Most violations that an answer lists."""


class Verdict(msgspec.Struct, frozen=True):
    """What would come of registering a release now."""

    compatible: bool
    """Whether it keeps the contract, so that it can be proposed."""
    code: str = ""
    """The code of the refusal: INCOMPATIBLE, VERSION_TAKEN, VERSION_RETIRED; STAGE_REFUSED for a compatible one that
    has to be proposed or promoted before an agent joins with it; "" if there is none.
    """
    message: str = ""
    """The refusal for people, with what to do about it."""
    violations: tuple[Violation, ...] = ()
    """Every reason, where it is INCOMPATIBLE; at most 500."""
    suggested_version: str = ""
    """A version under which it would be taken: the next minor one if it keeps the contract, else the next major."""
    stale: bool = False
    """Whether this is judged by what the gateway knew last, because the registry is away."""


async def check(gate: SchemaGate, agent: str, skill: Capability, images: tuple[bytes, ...]) -> Verdict:
    """Judge one release of a skill as a registration would be judged. Nothing is stored.

    Args:
        gate: what would judge the registration.
        agent: whose skill it is.
        skill: its name, version, contracts and migrations.
        images: descriptor sets that the contracts name by digest, where they are not stored yet.

    Raises:
        BadSchema: an image cannot be taken, is missing, or lacks a type.
        InvalidParams: the release is not well formed, or has no contract.
        RegistryUnavailable: the registry cannot be asked, and nothing is known of the skill here.
    """
    standing = await gate.standing(f"{agent}/{skill.skill}")
    (skill,), known = await gate.opened((skill,), images)
    release = release_of(skill, 0.0)
    if not release.sides:
        raise InvalidParams("there is no contract to check: name the type and the image of the input or the output")
    subject = standing.subject
    try:
        check_blob((await gate.admitted(subject, (release,), known)).encode())
    except (Incompatible, VersionTaken, VersionRetired) as error:
        return await _refused(gate, error, subject, release, known, stale=standing.stale)
    except StageRefused as error:
        return Verdict(compatible=True, code=error.code, message=error.message, stale=standing.stale)
    return Verdict(compatible=True, stale=standing.stale)


async def _refused(
    gate: SchemaGate, error: MeshError, subject: Subject, release: Release, known: dict[str, Image], *, stale: bool
) -> Verdict:
    majors = [one.semver().major for one in subject.releases]
    major = release.semver().major
    found: tuple[Violation, ...] = ()
    if isinstance(error, Incompatible):
        found = await _examined(gate, subject, release, known)
    suggested = msgspec.structs.replace(release, version=_next_minor(subject, major))
    if found or await _examined(gate, subject, suggested, known):
        suggested = msgspec.structs.replace(release, version=f"{max((*majors, major)) + 1}.0.0")
    return Verdict(
        compatible=False,
        code=error.code,
        message=error.message,
        violations=found[:_MOST_TOLD],
        suggested_version=suggested.version,
        stale=stale,
    )


async def _examined(
    gate: SchemaGate, subject: Subject, release: Release, known: dict[str, Image]
) -> tuple[Violation, ...]:
    size = await gate.fetch(subject, release, known)
    return await gate.store.aside(partial(examine, subject, release, known), size)


def _next_minor(subject: Subject, major: int) -> str:
    same: list[Version] = [one.semver() for one in subject.releases if one.semver().major == major]
    return f"{major}.{max(one.minor for one in same) + 1}.0" if same else f"{major}.0.0"
