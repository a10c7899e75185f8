"""The values of a registration: the state of a subject, what the registration changes in it, and the result."""

from __future__ import annotations

import msgspec

from meshgate.registry.model import Manifest
from meshgate.registry.schemas import Release, Subject

__all__ = ["AdmittedManifest", "SubjectChange", "SubjectState"]


class AdmittedManifest(msgspec.Struct, frozen=True):
    """A manifest whose contracts are releases now."""

    manifest: Manifest
    """The manifest, each schema named by the digest of its canonical image."""
    notices: tuple[str, ...] = ()
    """What the agent's author should know."""


class SubjectState(msgspec.Struct, frozen=True):
    """A subject in its current state, and the digest of its document ("" if there is none)."""

    digest: str
    subject: Subject
    stale: bool = False
    """Whether this is the last known state, because the registry is unavailable."""


class SubjectChange(msgspec.Struct, frozen=True):
    """One subject before and after a registration, and the releases that make the difference."""

    name: str
    releases: tuple[Release, ...]
    old: SubjectState
    new: Subject

    @property
    def needed(self) -> bool:
        """Whether there is anything to store."""
        return self.new is not self.old.subject
