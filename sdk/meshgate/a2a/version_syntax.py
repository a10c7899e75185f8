"""Reads the text of versions and of version ranges: ``1.4.0``, ``2``, ``2.3``, ``*``, ``^2``, ``>=2.1,<3``."""

from __future__ import annotations

import functools
import re

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.versions import Version, VersionRange

__all__ = ["parse_range", "parse_version"]


_NUMBER = "(0|[1-9][0-9]{0,8})"


_MARK = "(?:0|[1-9][0-9]{0,8}|[0-9]{0,64}[A-Za-z-][0-9A-Za-z-]{0,64})"


_VERSION = re.compile(
    rf"{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_MARK}(?:\.{_MARK}){{0,7}}))?"
    r"(?:\+[0-9A-Za-z-]{1,64}(?:\.[0-9A-Za-z-]{1,64}){0,7})?\Z"
)


_LONGEST_VERSION = 128


_COMPARE = re.compile(r"(>=|<=|>|<|=|==) *([0-9][0-9A-Za-z.+-]*)\Z")


@functools.lru_cache(maxsize=4096)
def parse_version(text: str) -> Version:
    """The version that ``text`` spells; missing parts are zero.

    Raises:
        InvalidParams: it is no semantic version.
    """
    match = _VERSION.match(text) if len(text) <= _LONGEST_VERSION else None
    if match is None:
        raise InvalidParams(f"{text[:64]!r} is no semantic version: write MAJOR.MINOR.PATCH, such as 1.4.0")
    major, minor, patch, pre = match.groups()
    marks = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")) if pre else ()
    return Version(int(major), int(minor or 0), int(patch or 0), final=pre is None, pre=marks)


def parse_range(bounds: list[str]) -> VersionRange:
    """The range that a selector's first terms spell: one version or prefix, or several comparisons.

    Raises:
        InvalidParams: it is no range, or no version is in it.
    """
    first = bounds[0]
    if len(bounds) == 1 and first in ("", "*"):
        return VersionRange()
    if len(bounds) == 1 and first[:1] == "^":
        low = parse_version(first[1:])
        return VersionRange(low, _caret(low))
    if len(bounds) == 1 and first[:1].isdigit():
        return _prefix(first)
    return _intersect(bounds)


def _intersect(bounds: list[str]) -> VersionRange:
    lows: list[Version] = []
    highs: list[Version] = []
    for bound in bounds:
        match = _COMPARE.match(bound)
        if match is None:
            raise InvalidParams(f"{bound[:64]!r} is no version range: 2, 2.3, 1.4.0, *, ^2 or >=2.1,<3")
        sign, version = match.group(1), parse_version(match.group(2))
        if sign in (">=", "=", "=="):
            lows.append(version)
        if sign == ">":
            lows.append(_next(version))
        if sign == "<":
            highs.append(version)
        if sign in ("<=", "=", "=="):
            highs.append(_next(version))
    low, high = max(lows, default=None), min(highs, default=None)
    if low is not None and high is not None and low >= high:
        raise InvalidParams(f"no version is in the range {','.join(bounds)[:64]!r}")
    return VersionRange(low, high)


def _prefix(text: str) -> VersionRange:
    low = parse_version(text)
    dots = text.partition("-")[0].partition("+")[0].count(".")
    high = (Version(low.major + 1), Version(low.major, low.minor + 1), _next(low))[dots]
    return VersionRange(low, high)


def _caret(low: Version) -> Version:
    # The leftmost part that is not zero may not change, as in npm and Cargo.
    if low.major:
        return Version(low.major + 1)
    return Version(0, low.minor + 1) if low.minor else Version(0, 0, low.patch + 1)


def _next(version: Version) -> Version:
    """The least that sorts after ``version``. It need not be a version that can be written."""
    if version.final:
        return Version(version.major, version.minor, version.patch + 1, final=False, pre=())
    return Version(version.major, version.minor, version.patch, final=False, pre=(*version.pre, (0, 0, "")))
