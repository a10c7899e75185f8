"""Releases of skills' contracts: made from what an agent registers, and described to people."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshgate.gateway.contracts.admission.dry_compile import missing_functions
from meshgate.registry.model import Capability, SchemaRef
from meshgate.registry.schemas import Image, Release, Stage, Subject

__all__ = ["missing_function_notices", "notice_of", "release_of", "with_image_digests"]


def release_of(one: Capability, now: float) -> Release:
    """The release that registering this skill at ``now`` (seconds since 1970) makes."""
    taken, given = (SchemaRef(ref.type, ref.hash) if ref and ref.hash else None for ref in (one.input, one.output))
    return Release(
        one.version,
        taken,
        given,
        owner=one.owner,
        steward=one.steward,
        registered=now,
        migrations=one.migrations,
    )


def with_image_digests(one: Capability, sent: Mapping[str, Image]) -> Capability:
    """The skill with its schemas named by the digests of the canonical images."""
    changes = {
        side: SchemaRef(ref.type, sent[ref.hash].digest, ref.version)
        for side, ref in (("input", one.input), ("output", one.output))
        if ref is not None and ref.hash in sent
    }
    return msgspec.structs.replace(one, **changes) if changes else one


def notice_of(subject: Subject, version: str) -> str:
    """The notice for those who serve or call that release; "" if there is none."""
    release = subject.release(version)
    if release is None or release.stage is not Stage.DEPRECATED:
        return ""
    until = f" and is retired on {release.sunset}" if release.sunset else ""
    said = f": {release.notice}" if release.notice else ""
    return f"{subject.agent}/{subject.skill} {release.version} is deprecated{until}{said}"


def missing_function_notices(name: str, release: Release) -> list[str]:
    """A notice for each function that the release's migrations name and this gateway lacks.

    Args:
        name: the subject, AGENT/SKILL.
        release: the release.
    """
    told = "installed in this gateway: its migration fails until an operator installs it"
    return [f"{name} {release.version}: no function {one} is {told}" for one in missing_functions(release)]
