"""Which differences between releases count: compatibility modes, and the judgement of a release by its history."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from meshgate.a2a.versions import Version
from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.rules import Views, compare
from meshgate.registry.schemas.violation import Violation

__all__ = ["FORMS", "Contract", "Mode", "judge"]

FORMS: frozenset[Literal["wire", "json"]] = frozenset({"wire", "json"})
"""Both forms in which a payload may come."""


class Mode(enum.StrEnum):
    """What must hold between a release and earlier ones of its major version.

    Backward: a reader that has the new schema reads data written with the old one. Forward: a reader that has the old
    schema reads data written with the new one. Without "transitive" only the release before and the one after count.
    """

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"

    @property
    def transitive(self) -> bool:
        """Whether all releases of the major version count."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def directions(self) -> frozenset[str]:
        """The directions in which a violation counts."""
        kind = self.value.removesuffix("_TRANSITIVE")
        named = {"BACKWARD": {"backward"}, "FORWARD": {"forward"}, "FULL": {"backward", "forward"}, "NONE": set[str]()}[
            kind
        ]
        return frozenset(named | {"both"}) if named else frozenset()


class Contract(msgspec.Struct, frozen=True):
    """One direction of one release: what a skill takes, or what it gives."""

    version: Version
    image: Image | None = None
    type: str = ""
    """Full name of the message; empty if the release says nothing of this direction."""


def judge(
    history: Iterable[Contract],
    release: Contract,
    mode: Mode,
    forms: frozenset[Literal["wire", "json"]] = FORMS,
    *,
    mediated: bool = False,
) -> tuple[Violation, ...]:
    """What ``release`` breaks under ``mode``, each reason once, against the nearest release that gives it.

    Releases of other major versions do not count. A release that is older than some of the history (a backport) is
    compared with those before it and with those after it; there, it is the old one.

    Args:
        history: the releases that stand, in any order.
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


def _neighbours(history: Iterable[Contract], version: Version, *, transitive: bool) -> Sequence[Contract]:
    """The releases to compare with, from the nearest to the farthest on each side."""
    same = sorted((one for one in history if one.version.major == version.major), key=lambda one: one.version)
    before = [one for one in reversed(same) if one.version < version]
    after = [one for one in same if one.version > version]
    return [*before, *after] if transitive else [*before[:1], *after[:1]]
