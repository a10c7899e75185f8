"""Compares a release with those that are registered already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from meshgate.a2a.versions import Version
from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.modes import FORMS, Mode, ReleaseSide
from meshgate.registry.schemas.rules import Views, compare
from meshgate.registry.schemas.violation import Violation

__all__ = ["judge"]


def judge(
    history: Iterable[ReleaseSide],
    release: ReleaseSide,
    mode: Mode,
    forms: frozenset[Literal["wire", "json"]] = FORMS,
    *,
    mediated: bool = False,
) -> tuple[Violation, ...]:
    """What ``release`` breaks under ``mode``, each reason once, against the nearest release that gives it.

    Releases of other major versions do not count. A release that is older than some of the history (a backport) is
    compared with those before it and with those after it; there, it is the old one.

    Args:
        history: the releases that are registered, in any order.
        release: the new one.
        mode: which directions and which releases count.
        forms: the forms in which payloads of the skill come; differences in other forms do not count.
        mediated: whether a gateway converts between releases. What it makes up for does not count then, and the
            binary form always does, as the conversion goes through it.

    Raises:
        BadSchema: an image has no message of the type's name.
    """
    counted: frozenset[str] = frozenset({*forms, "both"} | ({"wire"} if mediated else set()))
    found: dict[Violation, Violation] = {}
    seen: set[tuple[bool, Image | None, str]] = set()
    views: Views = {}
    for other in _neighbours(history, release.version, transitive=mode.transitive) if mode.directions else ():
        earlier = other.version < release.version
        schema = (earlier, other.image, other.type)
        if schema in seen or schema[1:] == (release.image, release.type):
            continue
        seen.add(schema)
        old, new = (other, release) if earlier else (release, other)
        for one in compare(old.image, new.image, old.type, new.type, views):
            if one.direction in mode.directions and one.form in counted and not (mediated and one.mediated):
                found.setdefault(one, msgspec.structs.replace(one, against=str(other.version)))
    return tuple(sorted(found.values()))


def _neighbours(history: Iterable[ReleaseSide], version: Version, *, transitive: bool) -> Sequence[ReleaseSide]:
    """The releases to compare with, from the nearest to the farthest on each side."""
    same = sorted((one for one in history if one.version.major == version.major), key=lambda one: one.version)
    before = [one for one in reversed(same) if one.version < version]
    after = [one for one in same if one.version > version]
    return [*before, *after] if transitive else [*before[:1], *after[:1]]
