"""Assigns the numbers of fields and enum values: given once, never given again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshgate.sdk.schemas.derive.shapes import EnumShape, MessageShape, Shapes
from meshgate.sdk.schemas.errors import BadContract
from meshgate.sdk.schemas.lock.numbers import RESERVED_BY_PROTOBUF, Numbering, Numbers

__all__ = ["assign", "following"]


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def following(number: int) -> int:
    """The number after this one that a field may have."""
    return RESERVED_BY_PROTOBUF.stop if number + 1 in RESERVED_BY_PROTOBUF else number + 1


def assign(known: Numbering, shapes: Shapes) -> Numbering:
    """The numbering of ``shapes``: what is known stays as it is, what is not there gets numbers.

    Messages and enums that no type has any more keep theirs.

    Raises:
        BadContract: an enum lost its first value or has one that is no identifier, or a rename contradicts.
    """
    messages, enums, texts = dict(known.messages), dict(known.enums), set(known.texts)
    for name, message in shapes.messages.items():
        messages[name] = _message(messages.get(name, Numbers()), message)
    for name, enum in shapes.enums.items():
        if name in enums or (name not in texts and _usable(enum.values)):
            enums[name] = _enum(enums.get(name, Numbers(next=0)), enum)
        else:
            texts.add(name)
    return Numbering(messages, enums, tuple(sorted(texts)))


def _message(known: Numbers, message: MessageShape) -> Numbers:
    names = dict(known.names)
    present = {field.name for field in message.fields}
    for field in message.fields:
        old = field.renamed_from
        if old and old not in present:
            _rename(names, known, old, field.name, f"{message.name}.{field.name}")
    return _numbered(Numbers(names, known.next, known.reserved), [field.name for field in message.fields])


def _rename(names: dict[str, int], known: Numbers, old: str, new: str, path: str) -> None:
    if new not in names and old in names:
        names[new] = names.pop(old)
        return
    taken = names.get(old) or next((number for number, name in known.reserved.items() if name == old), None)
    if taken is not None:
        had = f"it has the number {names[new]} already" if new in names else "that field was removed before"
        remedy = "take renamed_from out, or bring the lock file of the last release back and run again"
        raise BadContract(path, f"it cannot take the number {taken} of {old!r}: {had}", remedy)


def _enum(known: Numbers, enum: EnumShape) -> Numbers:
    zero = next((name for name, number in known.names.items() if number == 0), enum.values[0])
    if zero not in enum.values:
        remedy = "keep it: readers that do not know a value take it for this one"
        raise BadContract(enum.name, f"its first value {zero!r} was removed", remedy)
    if not _usable(enum.values):
        remedy = "use letters, digits and '_', or a new type with another name"
        raise BadContract(enum.name, "a value is no identifier, and the contract has an enum here", remedy)
    return _numbered(known, enum.values)


def _numbered(known: Numbers, wanted: Sequence[str]) -> Numbers:
    names = {name: number for name, number in known.names.items() if name in wanted}
    gone = {number: name for name, number in known.names.items() if name not in wanted}
    number = known.next
    for name in wanted:
        if name not in names:
            names[name] = number
            number = following(number)
    return Numbers(names, number, {**known.reserved, **gone})


def _usable(values: Sequence[str]) -> bool:
    """Whether texts can be the names of an enum's values: identifiers that protobuf tells apart."""
    alike = {re.sub("^value", "", value.replace("_", "").lower()) for value in values}
    return all(map(_IDENTIFIER.match, values)) and len(alike) == len(values)
