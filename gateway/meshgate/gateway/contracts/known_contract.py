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
    spoken: str = ""
    """The release that a caller speaks who names none; "" if none is served."""

    def runs(self, version: str) -> bool:
        """Whether an agent may run that release. One that is only proposed does not count."""
        release = self.releases.get(version)
        return release is not None and release.stage is not Stage.PROPOSED

    def bridged(self, one: str, other: str) -> bool:
        """Whether a migration is declared between the majors of two releases; within one major none is needed."""
        first, second = self.releases.get(one), self.releases.get(other)
        if first is None or second is None or first.semver().major == second.semver().major:
            return first is not None and second is not None
        low, high = sorted((first, second), key=lambda each: each.semver())
        between = (each for each in self.releases.values() if low.semver() < each.semver() <= high.semver())
        return any(low.semver() in migration.versions for each in between for migration in each.migrations)


def index_subject(digest: str, subject: Subject) -> KnownContract:
    """Make the indexes of a subject.

    Args:
        digest: of the subject's document.
        subject: the subject.
    """
    sides = [(side.type, one) for one in subject.releases for side in one.sides]
    by_type = {name: release for name, release in sides if release.served}
    releases = {one.version: one for one in subject.releases}
    spoken = subject.spoken
    types = frozenset(name for name, _ in sides)
    return KnownContract(digest, subject, releases, by_type, types, spoken.version if spoken is not None else "")


def digests_of(subject: Subject, *, retired: bool = True) -> set[str]:
    """The digests of the images that a subject's releases need, with or without those of retired releases."""
    listed = (one for one in subject.releases if retired or one.stage is not Stage.RETIRED)
    return {side.hash for one in listed for side in one.sides}
