"""What a caller asks for: an agent by name, or a skill at a version, with tags and labels.

The one spelling, everywhere (``mesh.call``, the command line, URLs, A2A's tenant label, gRPC metadata)::

    summariser                      an agent, because there is no "@"
    summarise@2                     a skill, version >=2.0.0,<3.0.0
    summarise@2.3                   >=2.3.0,<2.4.0
    summarise@*,region=eu,fast      any version, with a label and a tag

Python and the command line also take ``summarise@^2`` and ``summarise@>=2.1,<3``.
"""

from __future__ import annotations

import functools
import re

import msgspec

from meshgate.a2a.errors import InvalidParams

__all__ = ["Selector", "Version", "VersionRange", "parse_selector", "parse_version"]

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
"""An agent's or a skill's name: 1 to 128 characters, safe in a URL path, a header and a file name."""

_NUMBER = "(0|[1-9][0-9]{0,8})"
_MARK = "(?:0|[1-9][0-9]{0,8}|[0-9]{0,64}[A-Za-z-][0-9A-Za-z-]{0,64})"
_VERSION = re.compile(
    rf"{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_MARK}(?:\.{_MARK}){{0,7}}))?"
    r"(?:\+[0-9A-Za-z-]{1,64}(?:\.[0-9A-Za-z-]{1,64}){0,7})?\Z"
)
_LONGEST_VERSION = 128
_COMPARE = re.compile(r"(>=|<=|>|<|=|==) *([0-9][0-9A-Za-z.+-]*)\Z")
_TERM = re.compile(r"[A-Za-z0-9._/ -]{1,128}\Z")
MAX_SELECTOR = 512
"""Longest selector, in characters."""


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


class VersionRange(msgspec.Struct, frozen=True):
    """Versions from ``low`` (inclusive) up to ``high`` (exclusive); ``None`` means no bound on that side.

    A pre-release is in the range only if a bound names one of the same MAJOR.MINOR.PATCH, as in npm and Cargo: "any
    version" never means "an unfinished one", and whoever asks for <3 does not want 3.0.0-rc.1.
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


class Selector(msgspec.Struct, frozen=True):
    """What was asked for. Exactly one of ``agent`` and ``skill`` is set."""

    agent: str = ""
    skill: str = ""
    versions: VersionRange = VersionRange()
    labels: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    """The selector as it was written, for messages and records."""

    def __str__(self) -> str:
        return self.text


@functools.lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """Read a selector.

    Raises:
        InvalidParams: it cannot be read; the message says where and shows the form.
    """
    if len(text) > MAX_SELECTOR:
        raise InvalidParams(f"a selector has at most {MAX_SELECTOR} characters")
    name, at, rest = text.partition("@")
    if NAME.match(name) is None:
        raise InvalidParams(f"{name[:64]!r} is no agent or skill name: letters, digits, '.', '_', '-', at most 128")
    if not at:
        return Selector(agent=name, text=text)
    terms = [term.strip(" ") for term in rest.split(",")]
    bounds = [terms.pop(0)]
    while terms and terms[0][:1] in "<>=" and terms[0]:
        bounds.append(terms.pop(0))
    labels: list[tuple[str, str]] = []
    tags: list[str] = []
    for term in terms:
        key, equals, value = term.partition("=")
        if _TERM.match(key) is None or (equals and _TERM.match(value) is None):
            raise InvalidParams(f"{term[:64]!r} in {text[:64]!r} is neither key=value nor a tag")
        if equals:
            labels.append((key, value))
        else:
            tags.append(key)
    return Selector(skill=name, versions=_range(bounds), labels=tuple(labels), tags=tuple(tags), text=text)


def _range(bounds: list[str]) -> VersionRange:
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
