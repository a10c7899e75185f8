"""The changes between two releases, and what they do to data that passes from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from meshgate.a2a.selector import parse_selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.cli.schema.model import ReleaseView, SubjectView
from meshgate.cli.schema.structure import structural_changes
from meshgate.registry.schemas import Image, Violation, compare

__all__ = ["Change", "Diff", "Fate", "changes", "diff_of"]

Fate = Literal["ok", "translated", "migrated", "lost"]
"""The effect on data: none, gateways translate it, a declared migration converts it, or it is misread."""


class Change(msgspec.Struct, frozen=True):
    """One thing that changed.

    Attributes:
        up: the effect on data of the old release that the new one reads.
        down: the effect on data of the new release that the old one reads.
    """

    path: str
    what: str
    up: Fate = "ok"
    down: Fate = "ok"
    rules: tuple[str, ...] = ()


class Diff(msgspec.Struct, frozen=True):
    """The two sides of a contract, between two releases."""

    subject: str
    old: str
    new: str
    major: bool
    """Whether they are of different major versions."""
    input: tuple[Change, ...] = ()
    output: tuple[Change, ...] = ()
    migrations: tuple[dict[str, Any], ...] = ()


def changes(
    old: Image | None, new: Image | None, old_type: str, new_type: str, migrations: Iterable[Mapping[str, Any]] = ()
) -> tuple[Change, ...]:
    """The changes between two schemas, sorted by path.

    Args:
        old, new: the images; None if a release has no contract on this side.
        old_type, new_type: full names of the messages.
        migrations: the declared migrations between the two releases, as the admin API has them.

    Raises:
        BadSchema: an image has no message of that name, or the two are too different to be compared.
    """
    rows: dict[str, list[Violation]] = {}
    for one in compare(old, new, old_type, new_type):
        rows.setdefault(one.path, []).append(one)
    seen = structural_changes(old, new, old_type, new_type) if old is not None and new is not None else {}
    moved = _MigratedFields(migrations)
    found: list[Change] = []
    for path in sorted({*rows, *seen}):
        violations = rows.get(path, [])
        texts = [seen[path]] if path in seen else list(dict.fromkeys(one.what for one in violations))
        up, down = _fate(violations, "backward"), _fate(violations, "forward")
        found.append(Change(path, "; ".join(texts), up, down, tuple(sorted({one.rule for one in violations}))))
    return tuple(moved.over(one, old_type, new_type) for one in found)


def _fate(violations: Sequence[Violation], direction: str) -> Fate:
    counted = [one for one in violations if one.direction in (direction, "both")]
    if any(not one.mediated for one in counted):
        return "lost"
    return "translated" if counted else "ok"


class _MigratedFields:
    """The fields that migrations set: those of the new message (up), and those of the old one (down)."""

    def __init__(self, migrations: Iterable[Mapping[str, Any]]) -> None:
        given = list(migrations)
        self._all = any(one.get("function") for one in given)
        self._up, self._down = ({path for one in given for path in one.get(way, {})} for way in ("up", "down"))

    def over(self, change: Change, old_type: str, new_type: str) -> Change:
        """The change with the effect that migrations have."""
        up = self._fate(change.up, self._named(change.path, new_type, self._up))
        down = self._fate(change.down, self._named(change.path, old_type, self._down))
        return msgspec.structs.replace(change, up=up, down=down)

    def _named(self, path: str, root: str, targets: Iterable[str]) -> bool:
        inside = path.removeprefix(f"{root}.")
        return any(one == inside or one.startswith(f"{inside}.") for one in targets)

    def _fate(self, fate: Fate, named: bool) -> Fate:
        return "migrated" if named or (self._all and fate == "lost") else fate


def diff_of(
    subject: SubjectView, old: ReleaseView, new: ReleaseView, image: Callable[[str, str], Image | None]
) -> Diff:
    """The changes between two releases of a contract.

    Args:
        subject: the contract.
        old, new: the releases.
        image: returns the image of a version's input or output.

    Raises:
        BadSchema: see :func:`changes`.
    """
    migrations = _migrations(subject.releases, parse_version(old.version), parse_version(new.version))
    found: dict[str, tuple[Change, ...]] = {}
    for side in ("input", "output"):
        was, now = (one.input if side == "input" else one.output for one in (old, new))
        counted = [one for one in migrations if one.get("side", "") in ("", side)]
        images = image(old.version, side), image(new.version, side)
        found[side] = changes(*images, was.type if was else "", now.type if now else "", counted)
    major = parse_version(old.version).major != parse_version(new.version).major
    return Diff(subject.subject, old.version, new.version, major, found["input"], found["output"], tuple(migrations))


def _migrations(releases: Sequence[ReleaseView], first: Version, last: Version) -> list[dict[str, Any]]:
    """The migrations of the releases after the first, up to the last, that start from a release on the way."""
    low, high = min(first, last), max(first, last)
    way = [version for one in releases if low <= (version := parse_version(one.version)) <= high]
    return [
        migration
        for one in releases
        if low < parse_version(one.version) <= high
        for migration in one.migrations
        if any(each in parse_selector(f"skill@{migration['from']}").versions for each in way)
    ]


# -- what is there and was not, and the reverse
