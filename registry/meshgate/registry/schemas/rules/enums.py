"""The rules about enums: what a number means, and which names JSON knows."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.registry.schemas.views import EnumView
from meshgate.registry.schemas.violation import Change, Finding

__all__ = ["ENUM_RULES"]

Enums = Change[EnumView]


def value_unknown(change: Enums) -> Iterator[Finding]:
    """JSON writes names of values: a reader that does not know one refuses the message or drops the field."""
    for number, names in change.writer.values.items():
        for name in names:
            if number not in change.reader.values and name not in change.reader.numbers:
                done = "removed" if change.backward else "added"
                what = f"the value was {done}, and its name means nothing to the reader"
                remedy = "raise the major version, or use a field of strings"
                yield Finding(what, remedy, "json", mediated=True, at=name)


def value_lost(change: Enums) -> Iterator[Finding]:
    """A closed enum drops numbers that it does not define, from binary too."""
    if change.reader.closed:
        for number, names in change.writer.values.items():
            if number not in change.reader.values:
                what = f"a closed enum, and {number} is known to one of the two schemas only"
                yield Finding(what, "make the enum open (proto3), or raise the major version", "wire", at=names[0])


def closed(change: Enums) -> Iterator[Finding]:
    """An open enum may hold any number, which a closed one drops."""
    if change.reader.closed and not change.writer.closed:
        yield Finding("the enum is open in one schema and closed in the other", "keep it as it was", "wire")


def value_renamed(change: Enums) -> Iterator[Finding]:
    """In JSON a value is its name."""
    for number, names in change.writer.values.items():
        known = change.reader.values.get(number, ())
        for name in names:
            if known and name not in change.reader.numbers:
                what = f"the names of {number} were {_list(change.old, number)} and are {_list(change.new, number)}"
                yield Finding(what, f"keep {name} as an alias (allow_alias)", "json", mediated=True, at=name)


def value_renumbered(change: Enums) -> Iterator[Finding]:
    """A name keeps its number: in binary the old number would mean something else, or nothing."""
    for name, number in change.old.numbers.items():
        if change.new.numbers.get(name, number) != number:
            what = f"its number was {number} and is {change.new.numbers[name]}"
            yield Finding(what, f"give it {number} again, and new values new numbers", at=name)


def value_removed(change: Enums) -> Iterator[Finding]:
    """A removed value's number stays reserved."""
    for number, names in change.old.values.items():
        if number not in change.new.values and not any(low <= number <= high for low, high in change.new.reserved):
            what = f"value {number} was removed and its number is free for another meaning"
            yield Finding(what, f"add 'reserved {number};' to {change.new.name}", "wire", at=names[0])


def value_name_removed(change: Enums) -> Iterator[Finding]:
    """A removed value's name stays reserved."""
    for name, number in change.old.numbers.items():
        if number not in change.new.values and name not in change.new.numbers and name not in change.new.reserved_names:
            what = "the value was removed and its name is free for another meaning"
            yield Finding(what, f"add 'reserved \"{name}\";' to {change.new.name}", "json", mediated=True, at=name)


def reserved_number_lost(change: Enums) -> Iterator[Finding]:
    """A reserved number stays reserved."""
    for low, high in change.old.reserved:
        at = low
        for start, end in sorted(change.new.reserved):
            at = end + 1 if start <= at <= end else at
        if at <= high:
            span = f"{low}" if low == high else f"{low} to {high}"
            yield Finding(f"the numbers {span} are no longer reserved", f"add 'reserved {span};' again", "wire")


def reserved_name_lost(change: Enums) -> Iterator[Finding]:
    """A reserved name stays reserved."""
    for name in sorted(change.old.reserved_names - change.new.reserved_names):
        yield Finding(
            f"the name {name!r} is no longer reserved", f"add 'reserved \"{name}\";' again", "json", mediated=True
        )


ENUM_RULES = {
    "enum-value-unknown": value_unknown,
    "enum-value-lost": value_lost,
    "enum-closed": closed,
    "enum-value-renamed": value_renamed,
    "enum-value-renumbered": value_renumbered,
    "enum-value-removed": value_removed,
    "enum-value-name-removed": value_name_removed,
    "enum-reserved-number-lost": reserved_number_lost,
    "enum-reserved-name-lost": reserved_name_lost,
}


def _list(enum: EnumView, number: int) -> str:
    return ", ".join(enum.values[number])
