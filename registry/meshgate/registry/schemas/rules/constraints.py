"""The rules about protovalidate's constraints: whatever the writer's schema calls valid, the reader's does too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgate.registry.schemas.description import describe
from meshgate.registry.schemas.options import read_rules
from meshgate.registry.schemas.rules.constraint_values import constraints, implied, refuses_zero, split, texts
from meshgate.registry.schemas.views import EnumView, FieldView, MessageView
from meshgate.registry.schemas.violation import Change, Finding

__all__ = ["FIELD_CONSTRAINTS", "MESSAGE_CONSTRAINTS"]

Messages = Change[MessageView]
Fields = Change[FieldView]


def required(change: Messages) -> Iterator[Finding]:
    """A field that the reader demands is one that the writer must set."""
    for number, field in change.reader.fields.items():
        if not constraints(field).required:
            continue
        writer = change.writer.fields.get(number)
        if writer is None:
            yield _lacking(change, field)
        elif not (constraints(writer).required and writer.presence <= field.presence):
            yield Finding(
                f"{_schema(change)} demands the field, {_other(change)} data may come without it",
                _relax(change),
                at=field.name,
            )


def zero(change: Messages) -> Iterator[Finding]:
    """A field that nobody set is zero or empty: the reader must not refuse that unless the writer does."""
    for number, field in change.reader.fields.items():
        if constraints(field).required or not refuses_zero(field):
            continue
        writer = change.writer.fields.get(number)
        if writer is None and not change.backward:
            yield _lacking(change, field)
        elif writer is None or not (refuses_zero(writer) or constraints(writer).required):
            what = (
                f"{_schema(change)} may refuse the field when it is not set, and {_other(change)} data may leave it out"
            )
            remedy = "make the field optional, or set 'ignore = IGNORE_IF_ZERO_VALUE'"
            yield Finding(what, remedy, at=field.name)


def whole(change: Messages) -> Iterator[Finding]:
    """What is checked of a message as a whole, and of its oneofs, is checked by the writer's schema as well."""
    checked = set(_whole(change.writer))
    for key in _whole(change.reader):
        if key not in checked:
            what = f"{_schema(change)} checks the whole message by {key[:80]!r}, {_other(change)} data need not pass"
            yield Finding(what, _relax(change))
    for oneof, members in _demanded(change.reader).items():
        if not any(numbers <= members for numbers in _demanded(change.writer).values()):
            what = f"{_schema(change)} demands one of the oneof's fields, {_other(change)} data may have none of them"
            yield Finding(what, _relax(change), at=oneof)


def tightened(change: Fields) -> Iterator[Finding]:
    """Bounds and lists of values are no narrower for the reader than for the writer."""
    yield from _narrower(change, comparable=True)


def changed(change: Fields) -> Iterator[Finding]:
    """Patterns, formats and CEL of the reader are in the writer's schema too: different ones cannot be compared."""
    yield from _narrower(change, comparable=False)


def defined_only(change: Fields) -> Iterator[Finding]:
    """Where the reader takes defined values only, the writer writes no others."""
    for prefix in ("", "items.", "values."):
        key = f"{prefix}defined_only"
        reader, writer = _enum(change.reader), _enum(change.writer)
        if reader is None or writer is None or not constraints(change.reader).facts.get(key):
            continue
        bounded = writer.closed or constraints(change.writer).facts.get(key)
        if not bounded or not writer.values.keys() <= reader.values.keys():
            what = (
                f"{_schema(change)} takes defined values of {reader.name} only, {_other(change)} data may hold others"
            )
            yield Finding(what, _relax(change))


MESSAGE_CONSTRAINTS = {"constraint-required": required, "constraint-zero": zero, "constraint-message": whole}
FIELD_CONSTRAINTS = {
    "constraint-tightened": tightened,
    "constraint-changed": changed,
    "constraint-defined-only": defined_only,
}

_BOUNDS = ("min", "max", "in", "not_in")


def _narrower(change: Fields, *, comparable: bool) -> Iterator[Finding]:
    if change.old.shape != change.new.shape:
        return
    given = constraints(change.writer)
    for key, wanted in constraints(change.reader).facts.items():
        kind = split(key)[2]
        if kind == "defined_only" or (kind in _BOUNDS) is not comparable or implied(given.facts, key, wanted):
            continue
        what = f"{_schema(change)} checks {key[:80]!r}, which {_other(change)} data need not pass"
        yield Finding(what, _relax(change))


def _lacking(change: Messages, field: FieldView) -> Finding:
    """What is said of a field that the reader demands and the writer does not have: it is new, gone, or renamed."""
    others = [one for number, one in change.writer.fields.items() if number not in change.reader.fields]
    likely = next((one.name for one in others if (one.kind, one.shape) == (field.kind, field.shape)), "")
    if change.backward:
        what = "the new schema demands the field, and old data do not have it"
        renamed = f'; if it is {likely} under a new name, write renamed_from="{likely}"' if likely else ""
        return Finding(what, f"make it optional, or give it a default{renamed}", at=field.name)
    what = "the field is gone, and whoever reads with the old schema demands it"
    now = likely or "a new name"
    return Finding(what, f'keep it; if it is now called {now}, write renamed_from="{field.name}" there', at=field.name)


def _whole(message: MessageView) -> list[str]:
    """The checks of a message as a whole."""
    rules: Any = read_rules(message.proto.options, "message")
    if rules is None:
        return []
    oneofs = [
        f"{'one' if each.required else 'at most one'} of {', '.join(sorted(each.fields))}" for each in rules.oneof
    ]
    return [*texts(rules), *sorted(oneofs)]


def _demanded(message: MessageView) -> dict[str, frozenset[int]]:
    """The numbers of each oneof of which one field must be set."""
    found: dict[str, frozenset[int]] = {}
    for oneof in message.proto.oneof_decl:
        rules: Any = read_rules(oneof.options, "oneof")
        if rules is not None and rules.required:
            found[oneof.name] = frozenset(n for n, field in message.fields.items() if field.oneof == oneof.name)
    return found


def _enum(field: FieldView) -> EnumView | None:
    """The enum of a field, or of a map's values."""
    if field.shape == "map" and field.message is not None:
        return describe(field.message).fields[2].enum
    return field.enum


def _schema(change: Change[Any]) -> str:
    return "the new schema" if change.backward else "the old schema"


def _other(change: Change[Any]) -> str:
    return "old" if change.backward else "new"


def _relax(change: Change[Any]) -> str:
    return "drop or loosen the constraint" if change.backward else "keep the constraint"
