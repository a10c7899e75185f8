"""Semantic versions and ranges of them, as values."""

from __future__ import annotations

import msgspec

__all__ = ["Version", "VersionRange"]


class Version(msgspec.Struct, frozen=True, order=True):
    """A semantic version (semver.org 2.0.0); build metadata is dropped, a pre-release sorts before its release."""

    major: int
    minor: int = 0
    patch: int = 0
    final: bool = True
    pre: tuple[tuple[int, int, str], ...] = ()
    """Pre-release identifiers as (0, number, "") or (1, 0, text): numbers sort before words (semver section 11)."""

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return text if self.final else text + "-" + ".".join(word or str(number) for _, number, word in self.pre)


class VersionRange(msgspec.Struct, frozen=True):
    """Versions from ``low`` (inclusive) up to ``high`` (exclusive); ``None`` means no bound on that side.

    A pre-release is in the range only if a bound names one of the same MAJOR.MINOR.PATCH, as in npm and Cargo: "any
    version" never means "an unfinished one", and a caller that asks for <3 does not want 3.0.0-rc.1.
    """

    low: Version | None = None
    high: Version | None = None

    def __contains__(self, version: Version) -> bool:
        if self.low is not None and version < self.low:
            return False
        if self.high is not None and version >= self.high:
            return False
        return version.final or _names(self.low, version) or _names(self.high, version)


def _names(bound: Version | None, version: Version) -> bool:
    """Whether ``bound`` was written with a pre-release of the same numbers as ``version``."""
    if bound is None or not bound.pre:
        return False
    return (bound.major, bound.minor, bound.patch) == (version.major, version.minor, version.patch)
