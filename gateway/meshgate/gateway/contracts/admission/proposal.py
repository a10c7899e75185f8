"""The proposal of a release: an operator or a CI job stores it before any agent runs it."""

from __future__ import annotations

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.releases import release_of
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import check_blob
from meshgate.registry.model import Capability
from meshgate.registry.schemas import Release, Stage, Subject

__all__ = ["propose"]

log = structlog.get_logger(__name__)


async def propose(gate: SchemaGate, agent: str, skill: Capability, images: tuple[bytes, ...], now: float) -> Release:
    """Judge a release as its registration would be judged, and store it with the stage ``proposed``.

    Args:
        gate: judges registrations.
        agent: whose skill it is, as ``in_tenant`` spells it.
        skill: its name, version, contracts, migrations, owner and steward.
        images: descriptor sets that the contracts name by digest, where they are not stored yet.
        now: the time, in seconds since 1970.

    Returns:
        The stored release. One that exists already with the same content stays as it is.

    Raises:
        BadSchema: an image is not valid, is missing, or lacks a type.
        InvalidParams: the release is not well formed, or has no contract.
        Incompatible, VersionTaken, VersionRetired: the release does not fit its subject. Nothing was stored.
        RegistryUnavailable: the release cannot be stored now.
    """
    name = f"{agent}/{skill.skill}"
    state = await gate.state_of(name)
    (skill,), known = await gate.load_skills((skill,), images)
    release = msgspec.structs.replace(release_of(skill, now), stage=Stage.PROPOSED)
    if not release.sides:
        raise InvalidParams("there is no contract to propose: name the type and the image of the input or the output")

    async def step(subject: Subject) -> Subject:
        return await gate.admit_releases(subject, (release,), known)

    done = await step(state.subject)
    if done is not state.subject:
        check_blob(done.encode())
        if state.stale:
            raise RegistryUnavailable(f"{name} keeps its contract, and cannot be stored: try again")
        for digest in sorted({ref.hash for ref in release.sides}):
            await gate.store.put(known[digest].data)
        done, wrote = await gate.store.change(name, step)
        if wrote:
            log.info("proposed", subject=name, version=release.version)
    found = done.release(release.version)
    if found is None:
        raise RuntimeError("a release that was proposed is there")
    return found
