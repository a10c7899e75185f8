"""A skill's contract as gateways look it up: a subject of the registry with its indexes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshgate.registry.schemas import Release, Stage, Subject

__all__ = ["KnownContract", "digests_of", "index_subject"]


class KnownContract(msgspec.Struct, frozen=True):
    """A subject with its indexes. ``releases`` is keyed by version, the oldest first."""

    digest: str
    """The digest of the subject's document."""
    subject: Subject
    releases: Mapping[str, Release]
    by_type: Mapping[str, Release]
    """For each full name of a message, input or output, the newest release that uses it and is served."""
    types: frozenset[str]
    """The full names of the messages of all releases, served or not."""

    def runs(self, version: str) -> bool:
        """Whether an agent may run that release. One that is only proposed does not count."""
        release = self.releases.get(version)
        return release is not None and release.stage is not Stage.PROPOSED


def index_subject(digest: str, subject: Subject) -> KnownContract:
    """Make the indexes of a subject.

    Args:
        digest: of the subject's document.
        subject: the subject.
    """
    sides = [(side.type, one) for one in subject.releases for side in one.sides]
    by_type = {name: release for name, release in sides if release.served}
    releases = {one.version: one for one in subject.releases}
    return KnownContract(digest, subject, releases, by_type, frozenset(name for name, _ in sides))


def digests_of(subject: Subject, *, retired: bool = True) -> set[str]:
    """The digests of the images that a subject's releases need, with or without those of retired releases."""
    listed = (one for one in subject.releases if retired or one.stage is not Stage.RETIRED)
    return {side.hash for one in listed for side in one.sides}
