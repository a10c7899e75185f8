"""The rules about messages and their fields: numbers, types, cardinality, oneofs, names."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.registry.schemas.rules.scalars import json_reads, wire_reads
from meshgate.registry.schemas.views import MESSAGE, FieldView, MessageView
from meshgate.registry.schemas.violation import Change, Finding

__all__ = ["FIELD_RULES", "MESSAGE_RULES"]

Messages = Change[MessageView]
Fields = Change[FieldView]

SPECIAL_JSON = frozenset(
    {
        "google.protobuf.Any",
        "google.protobuf.BoolValue",
        "google.protobuf.BytesValue",
        "google.protobuf.DoubleValue",
        "google.protobuf.Duration",
        "google.protobuf.FieldMask",
        "google.protobuf.FloatValue",
        "google.protobuf.Int32Value",
        "google.protobuf.Int64Value",
        "google.protobuf.ListValue",
        "google.protobuf.StringValue",
        "google.protobuf.Struct",
        "google.protobuf.Timestamp",
        "google.protobuf.UInt32Value",
        "google.protobuf.UInt64Value",
        "google.protobuf.Value",
    }
)
"""Messages that JSON writes in a form of their own (protobuf.dev, "ProtoJSON Format")."""


def field_removed(change: Messages) -> Iterator[Finding]:
    """A removed field's number stays reserved: a later field that takes it would read old data as its own."""
    for field in _removed(change):
        if not any(low <= field.number < high for low, high in change.new.reserved):
            what = f"field {field.number} was removed and its number is free for another meaning"
            yield Finding(what, f"add 'reserved {field.number};' to {change.new.name}", "wire", at=field.name)


def field_name_removed(change: Messages) -> Iterator[Finding]:
    """A removed field's name stays reserved: JSON finds fields by their names."""
    for field in _removed(change):
        if field.name not in change.new.reserved_names and field.name not in change.new.json_names:
            what = "the field was removed and its name is free for another meaning"
            yield Finding(
                what, f"add 'reserved \"{field.name}\";' to {change.new.name}", "json", mediated=True, at=field.name
            )


def reserved_number_lost(change: Messages) -> Iterator[Finding]:
    """A reserved number stays reserved."""
    for low, high in change.old.reserved:
        if not _covered(low, high, change.new.reserved):
            span = f"{low}" if high == low + 1 else f"{low} to {high - 1}"
            yield Finding(f"the numbers {span} are no longer reserved", f"add 'reserved {span};' again", "wire")


def reserved_name_lost(change: Messages) -> Iterator[Finding]:
    """A reserved name stays reserved."""
    for name in sorted(change.old.reserved_names - change.new.reserved_names):
        yield Finding(
            f"the name {name!r} is no longer reserved", f"add 'reserved \"{name}\";' again", "json", mediated=True
        )


def required_missing(change: Messages) -> Iterator[Finding]:
    """A reader refuses a message without a field that it requires (proto2's ``required``)."""
    for number, field in change.reader.fields.items():
        writer = change.writer.fields.get(number)
        if field.required and (writer is None or not writer.required):
            schema = "new" if change.backward else "old"
            what = f"the {schema} schema requires the field, and data of the other may come without it"
            remedy = "make it optional" if change.backward else "keep it required"
            yield Finding(what, remedy, at=field.name)


def oneof_joined(change: Messages) -> Iterator[Finding]:
    """Of fields that a reader has in one oneof it keeps the last: the writer must not be able to set two."""
    groups: dict[str, list[int]] = {}
    for number, field in change.reader.fields.items():
        if field.oneof and number in change.writer.fields:
            groups.setdefault(field.oneof, []).append(number)
    for oneof, numbers in groups.items():
        homes = {change.writer.fields[number].oneof or f"{number}" for number in numbers}
        if len(homes) > 1:
            names = ", ".join(change.reader.fields[number].name for number in numbers)
            schema = "new" if change.backward else "old"
            what = f"only one of {names} can be set in the {schema} schema, and the other schema may set several"
            yield Finding(what, "leave fields in the oneofs that they were in", at=oneof)


def json_name_reused(change: Messages) -> Iterator[Finding]:
    """A name never passes to another number: in JSON the one field's value would arrive as the other's."""
    for number, field in change.writer.fields.items():
        for name in dict.fromkeys((field.json_name, field.name)):
            taken = change.reader.json_names.get(name, number)
            if taken != number:
                other = change.reader.fields[taken].name
                what = f"the name {name!r} of field {number} belongs to field {taken} ({other})"
                yield Finding(
                    what, "give the newer of the two fields another name", "json", mediated=True, at=field.name
                )


def wire_type(change: Fields) -> Iterator[Finding]:
    """Binary data of the one type is read as the other without loss."""
    if change.old.shape == change.new.shape and not wire_reads(change.writer, change.reader):
        yield Finding(
            f"{_types(change)}: in binary some values of the one are no values of the other", _anew(change), "wire"
        )


def json_type(change: Fields) -> Iterator[Finding]:
    """JSON of the one type is read as the other without loss."""
    if change.old.shape == change.new.shape and not json_reads(change.writer, change.reader):
        mediated = wire_reads(change.writer, change.reader)
        yield Finding(
            f"{_types(change)}: in JSON some values of the one are no values of the other",
            _anew(change),
            "json",
            mediated=mediated,
        )


def json_form(change: Fields) -> Iterator[Finding]:
    """Well-known types have a JSON form of their own, which other messages of the same fields do not read."""
    names = {change.old.target, change.new.target}
    if change.old.type == change.new.type == MESSAGE and len(names) > 1 and names & SPECIAL_JSON:
        yield Finding(f"{_types(change)}, which JSON writes differently", _anew(change), "json", mediated=True)


def cardinality(change: Fields) -> Iterator[Finding]:
    """One value, a list and a map are not read as each other."""
    if change.old.shape != change.new.shape:
        yield Finding(f"the field was {change.old.shape} and is {change.new.shape}", _anew(change))


def default(change: Fields) -> Iterator[Finding]:
    """A value that is left out is read as the reader's default."""
    if change.old.type != change.new.type or change.old.shape != change.new.shape:
        return
    if repr(change.old.default) != repr(change.new.default):
        what = f"the default was {change.old.default!r} and is {change.new.default!r}"
        yield Finding(what, "keep the default: who reads a message without the field takes its own")


def json_name(change: Fields) -> Iterator[Finding]:
    """JSON's writer may use a field's JSON name or its own, and the reader takes those that it has itself."""
    if not {change.writer.json_name, change.writer.name} <= {change.reader.json_name, change.reader.name}:
        old, new = (f"{one.name!r} ({one.json_name!r} in JSON)" for one in (change.old, change.new))
        yield Finding(f"the name was {old} and is {new}", f"keep the name {change.old.name!r}", "json", mediated=True)


MESSAGE_RULES = {
    "field-removed": field_removed,
    "field-name-removed": field_name_removed,
    "reserved-number-lost": reserved_number_lost,
    "reserved-name-lost": reserved_name_lost,
    "required-missing": required_missing,
    "oneof-joined": oneof_joined,
    "json-name-reused": json_name_reused,
}
FIELD_RULES = {
    "wire-type": wire_type,
    "json-type": json_type,
    "json-form": json_form,
    "cardinality": cardinality,
    "default": default,
    "json-name": json_name,
}


def _removed(change: Messages) -> list[FieldView]:
    return [field for number, field in change.old.fields.items() if number not in change.new.fields]


def _covered(low: int, high: int, spans: tuple[tuple[int, int], ...]) -> bool:
    """Whether the numbers from ``low`` up to ``high`` are all in ``spans``."""
    for start, end in sorted(spans):
        if start <= low < end:
            low = end
    return low >= high


def _types(change: Fields) -> str:
    return f"the type was {change.old.kind} and is {change.new.kind}"


def _anew(change: Fields) -> str:
    return f"keep field {change.new.number} as it was and add a field with a new number"
