"""What changed between two schemas, and what becomes of data on the way from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from meshgate.a2a.selector import parse_selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.cli.schema.model import Release, Subject
from meshgate.registry.schemas import Image, Violation, compare
from meshgate.registry.schemas.description import message_view
from meshgate.registry.schemas.views import MESSAGE, EnumView, FieldView, MessageView

__all__ = ["Change", "Diff", "Fate", "changes", "diff_of"]

Fate = Literal["ok", "translated", "migrated", "lost"]
"""What becomes of data: nobody notices; gateways make up for it; a declared migration does; or it is misread."""

_MOST_PAIRS = 4000


class Change(msgspec.Struct, frozen=True):
    """One thing that changed.

    Attributes:
        up: what becomes of data of the old release when the new one reads it.
        down: what becomes of data of the new release when the old one reads it.
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
    """Everything that changed between two schemas, sorted by path.

    Args:
        old, new: the images; None where a release has no contract on this side.
        old_type, new_type: full names of the messages.
        migrations: those that convert between the two releases, as the registry tells them.

    Raises:
        BadSchema: an image has no message of that name, or the two are too different to be compared.
    """
    rows: dict[str, list[Violation]] = {}
    for one in compare(old, new, old_type, new_type):
        rows.setdefault(one.path, []).append(one)
    seen = _seen(old, new, old_type, new_type) if old is not None and new is not None else {}
    moved = _Moved(migrations)
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


class _Moved:
    """What migrations set: the fields of the new message (up) and those of the old one (down)."""

    def __init__(self, migrations: Iterable[Mapping[str, Any]]) -> None:
        given = list(migrations)
        self._all = any(one.get("function") for one in given)
        self._up, self._down = ({path for one in given for path in one.get(way, {})} for way in ("up", "down"))

    def over(self, change: Change, old_type: str, new_type: str) -> Change:
        """The change, with what migrations do about it."""
        up = self._fate(change.up, self._named(change.path, new_type, self._up))
        down = self._fate(change.down, self._named(change.path, old_type, self._down))
        return msgspec.structs.replace(change, up=up, down=down)

    def _named(self, path: str, root: str, targets: Iterable[str]) -> bool:
        inside = path.removeprefix(f"{root}.")
        return any(one == inside or one.startswith(f"{inside}.") for one in targets)

    def _fate(self, fate: Fate, named: bool) -> Fate:
        return "migrated" if named or (self._all and fate == "lost") else fate


def diff_of(subject: Subject, old: Release, new: Release, image: Callable[[str, str], Image | None]) -> Diff:
    """What changed between two releases of a contract.

    Args:
        image: gives the image of a version's input or output.

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


def _migrations(releases: Sequence[Release], first: Version, last: Version) -> list[dict[str, Any]]:
    """The migrations of the releases after the first, up to the last, that meet a release on the way."""
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


def _seen(old: Image, new: Image, old_type: str, new_type: str) -> dict[str, str]:
    """What was added, removed, renamed or given another type, by path."""
    found: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(old_type, new_type)]
    while waiting and len(asked) < _MOST_PAIRS:
        names = waiting.pop()
        if names in asked:
            continue
        asked.add(names)
        before, after = message_view(old, names[0]), message_view(new, names[1])
        found |= _fields(before, after)
        for number in before.fields.keys() & after.fields.keys():
            first, then = before.fields[number], after.fields[number]
            if first.type == then.type == MESSAGE:
                waiting.append((first.target, then.target))
            if first.enum is not None and then.enum is not None:
                found |= _values(first.enum, then.enum)
    return found


def _fields(before: MessageView, after: MessageView) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in before.fields.keys() | after.fields.keys():
        was, now = before.fields.get(number), after.fields.get(number)
        if was is None and now is not None:
            found[f"{after.name}.{now.name}"] = f"added: {_kind(now)}, number {number}"
        elif was is not None and now is None:
            kept = any(low <= number < high for low, high in after.reserved)
            text = f"removed: {_kind(was)}, number {number}"
            found[f"{after.name}.{was.name}"] = text + ("" if kept else ", which is not reserved")
        elif was is not None and now is not None:
            told = _changed(was, now)
            if told:
                found[f"{after.name}.{now.name}"] = told
    return found


def _changed(was: FieldView, now: FieldView) -> str:
    told = [f"was called {was.name}"] if was.name != now.name else []
    if _kind(was) != _kind(now):
        told.append(f"was {_kind(was)}, is {_kind(now)}")
    return ", ".join(told)


def _kind(field: FieldView) -> str:
    kind = field.kind.rpartition(".")[2] if field.target else field.kind
    return {"singular": kind, "repeated": f"list of {kind}", "map": "map"}[field.shape]


def _values(before: EnumView, after: EnumView) -> dict[str, str]:
    was, now = before.numbers, after.numbers
    added = {f"{after.name}.{name}": f"added: value {now[name]}" for name in now.keys() - was.keys()}
    return added | {f"{after.name}.{name}": f"removed: value {was[name]}" for name in was.keys() - now.keys()}
