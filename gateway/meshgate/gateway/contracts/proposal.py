"""Storing a release before any agent runs it, for an operator or a CI job to propose."""

from __future__ import annotations

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.contracts.gate import SchemaGate, release_of
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import check_blob
from meshgate.registry.model import Capability
from meshgate.registry.schemas import Release, Stage, Subject

__all__ = ["propose"]

log = structlog.get_logger(__name__)


async def propose(gate: SchemaGate, agent: str, skill: Capability, images: tuple[bytes, ...], now: float) -> Release:
    """Judge a release as its registration would be judged, and store it with the stage ``proposed``.

    Args:
        gate: what judges registrations.
        agent: whose skill it is.
        skill: its name, version, contracts, migrations, owner and steward.
        images: descriptor sets that the contracts name by digest, where they are not stored yet.
        now: the time, in seconds since 1970.

    Returns:
        the release as it is stored; one that was there already with the same content is left as it is.

    Raises:
        BadSchema: an image cannot be taken, is missing, or lacks a type.
        InvalidParams: the release is not well formed, or has no contract.
        Incompatible, VersionTaken, VersionRetired: it does not go with its subject. Nothing was stored.
        RegistryUnavailable: it cannot be stored now.
    """
    name = f"{agent}/{skill.skill}"
    standing = await gate.standing(name)
    (skill,), known = await gate.opened((skill,), images)
    release = msgspec.structs.replace(release_of(skill, now), stage=Stage.PROPOSED)
    if not release.sides:
        raise InvalidParams("there is no contract to propose: name the type and the image of the input or the output")

    async def step(subject: Subject) -> Subject:
        return await gate.admitted(subject, (release,), known)

    done = await step(standing.subject)
    if done is not standing.subject:
        check_blob(done.encode())
        if standing.stale:
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
