"""Promotion: the stages of a release, and the steps between them. Pure functions of values."""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.schemas.admission import check_texts
from meshgate.registry.schemas.errors import StageRefused
from meshgate.registry.schemas.subject import Release, Stage, Subject

__all__ = ["promote", "set_default"]

_STEPS = frozenset(
    {
        (Stage.PROPOSED, Stage.ACTIVE),
        (Stage.PROPOSED, Stage.RETIRED),
        (Stage.ACTIVE, Stage.DEPRECATED),
        (Stage.DEPRECATED, Stage.RETIRED),
        (Stage.DEPRECATED, Stage.ACTIVE),
    }
)
_FORCED = frozenset({(Stage.RETIRED, Stage.DEPRECATED)})


def promote(
    subject: Subject, version: str, stage: Stage, *, now: float, notice: str = "", sunset: str = "", force: bool = False
) -> Subject:
    """The subject with one release in another stage; the same one if it is in that stage already, unless a deprecated
    one gets another notice or date.

    Args:
        subject: the subject.
        version: the release.
        stage: where it goes: from proposed to active, deprecated, retired; from proposed straight to retired, which
            withdraws it; back from deprecated to active.
        now: the time, in seconds since 1970.
        notice: what callers of a deprecated release are told.
        sunset: the day on which it is to be retired, YYYY-MM-DD.
        force: allows the way back from retired to deprecated.

    Raises:
        InvalidParams: there is no such release, or a date or text is not well formed.
        StageRefused: there is no way from its stage to that one.
    """
    release = subject.release(version)
    if release is None:
        raise InvalidParams(f"{subject.agent}/{subject.skill} has no release {version}: list its releases")
    if release.stage is stage and not (stage is Stage.DEPRECATED and (notice or sunset)):
        return subject
    if release.stage is not stage:
        _check_step(release, stage, force=force)
    changed = msgspec.structs.replace(release, stage=stage)
    if stage is Stage.ACTIVE:
        changed = msgspec.structs.replace(changed, notice="", sunset="", deprecated=None)
    elif stage is Stage.DEPRECATED:
        notice, sunset = notice or release.notice, sunset or release.sunset
        since = release.deprecated if release.stage is stage else now
        changed = msgspec.structs.replace(changed, notice=notice, sunset=sunset, deprecated=since)
    check_texts(changed)
    releases = tuple(changed if one is release else one for one in subject.releases)
    return msgspec.structs.replace(subject.with_default(), releases=releases).with_default()


def set_default(subject: Subject, major: int) -> Subject:
    """The subject with another default major: what callers speak who name no release.

    Raises:
        InvalidParams: no release of it is served.
    """
    served = sorted({one.semver().major for one in subject.releases if one.served})
    if major not in served:
        there = ", ".join(map(str, served)) or "none"
        raise InvalidParams(f"{subject.agent}/{subject.skill} serves no release of major {major}: served are {there}")
    return msgspec.structs.replace(subject, default_major=major)


def _check_step(release: Release, stage: Stage, *, force: bool) -> None:
    step = (release.stage, stage)
    if step in _FORCED and not force:
        raise StageRefused(f"{release.version} is retired: use force to bring it back, or release a new version")
    if step not in _STEPS | _FORCED:
        ways = sorted(after.value for before, after in _STEPS if before is release.stage)
        told = " or ".join(ways) or "nothing else"
        raise StageRefused(f"{release.version} is {release.stage.value}, it can become {told}")
