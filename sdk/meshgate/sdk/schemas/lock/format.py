"""The text of a lock file: JSON that people read and merge, checked entry by entry when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Mapping
from typing import Any, NoReturn

from meshgate.a2a.codec.short_text import shorten
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.sdk.schemas.errors import BadLock
from meshgate.sdk.schemas.lock.assignment import following
from meshgate.sdk.schemas.lock.numbers import LAST, RESERVED_BY_PROTOBUF, Numbering, Numbers

__all__ = ["FORMAT", "decode_lock", "encode_lock"]


FORMAT = 1


_WIDTH = 320


_FLAT_BELOW = 5
"""Depth from which an object may stand on one line: ``names`` of a message are at 5."""


_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,511}\Z")


_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


_LONGEST, _PLACE = 194, (16, 48)
"""Characters of an error without its colons, and of the place that it names: least and most."""
RESTORE = "bring the file back from version control, or write it as it was"


_MERGED = "of the two, give the one that was released last the next free number, and raise 'next' by one"


def encode_lock(contracts: Mapping[str, Numbering], releases: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a lock file. Subjects and types are in the order of their names, fields in that of their numbers."""
    tree: dict[str, Any] = {"format": FORMAT, "contracts": {name: _tree(contracts[name]) for name in sorted(contracts)}}
    if releases:
        tree["releases"] = {name: releases[name] for name in sorted(releases)}
    return f"{_text(tree, 0)}\n".encode()


def _text(tree: Any, depth: int) -> str:
    """JSON with one line a number, and one a field of a release's schema: merges and reviews go by lines."""
    flat = json.dumps(tree, ensure_ascii=False)
    parts: list[str]
    if is_object(tree):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_text(value, depth + 1)}" for key, value in tree.items()]
    elif is_array(tree):
        parts = [_text(value, depth + 1) for value in tree]
    else:
        return flat
    if not parts or (depth > _FLAT_BELOW and len(flat) <= _WIDTH):
        return flat
    inner, outer = "  " * (depth + 1), "  " * depth
    opens, ends = ("{", "}") if is_object(tree) else ("[", "]")
    return opens + "\n" + ",\n".join(inner + part for part in parts) + f"\n{outer}{ends}"


def _tree(numbering: Numbering) -> dict[str, Any]:
    return {
        "enums": {name: _numbers_tree(numbering.enums[name]) for name in sorted(numbering.enums)},
        "messages": {name: _numbers_tree(numbering.messages[name]) for name in sorted(numbering.messages)},
        "texts": sorted(numbering.texts),
    }


def _numbers_tree(numbers: Numbers) -> dict[str, Any]:
    return {
        "names": dict(sorted(numbers.names.items(), key=lambda item: item[1])),
        "next": numbers.next,
        "reserved": {str(number): name for number, name in sorted(numbers.reserved.items())},
    }


def decode_lock(data: bytes, path: str) -> dict[str, Numbering]:
    """The numberings in the bytes of a lock file, which people may have edited.

    Args:
        path: the file's name, for messages.

    Raises:
        BadLock: names the line or the entry, and the remedy.
    """
    try:
        # Decoded here, because json lets half a surrogate pair pass, which no file can hold afterwards.
        text = data.decode(json.detect_encoding(data))
        tree: Any = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(tree, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise BadLock(f"{path}, line {error.lineno}: this is no JSON ({error.msg}): {RESTORE}") from None
    except (ValueError, RecursionError) as error:
        raise BadLock(
            f"{path}: {shorten(str(error), 60)}: {_MERGED if isinstance(error, _Twice) else RESTORE}"
        ) from None
    reader = _Reader(path)
    root = reader.mapping(tree, "the file")
    if type(root.get("format")) is not int or root["format"] != FORMAT:
        remedy = "use the version of meshgate that wrote it, or a newer one"
        found = shorten(repr(root.get("format")), 40)
        raise BadLock(f"{path}: format {found} is not known, this version reads {FORMAT}: {remedy}")
    root.pop("releases", None)
    reader.only(root, ("format", "contracts"), "the file")
    contracts = reader.mapping(root.get("contracts"), "contracts")
    for name in contracts:
        if _SUBJECT.match(name) is None:
            reader.fail("contracts", f"{_quoted(name)} is not of the form AGENT/SKILL")
    return {name: reader.numbering(entry, name) for name, entry in contracts.items()}


class _Twice(ValueError):
    pass


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(f"{key!r} stands in one object twice")
        found[key] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _quoted(name: str) -> str:
    return shorten(repr(name), 30)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def fail(self, where: str, problem: str, remedy: str = RESTORE) -> NoReturn:
        # The place has what room is left: the violation holds it whole.
        room = _LONGEST - len(self._path) - len(problem) - len(remedy)
        place = shorten(where, min(max(room, _PLACE[0]), _PLACE[1]))
        raise BadLock(f"{self._path}: {place}: {problem}: {remedy}", violations=((where, f"{problem}: {remedy}"),))

    def mapping(self, tree: Any, where: str) -> dict[str, Any]:
        if not is_object(tree):
            self.fail(where, "must be an object")
        return tree

    def only(self, tree: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in tree:
            if key not in keys:
                self.fail(where, f"{_quoted(key)} means nothing here")
        for key in keys:
            if key not in tree:
                self.fail(where, f"{key!r} is missing")

    def numbering(self, tree: Any, where: str) -> Numbering:
        entry = self.mapping(tree, where)
        self.only(entry, ("enums", "messages", "texts"), where)
        messages = self.mapping(entry["messages"], f"{where}.messages")
        enums = self.mapping(entry["enums"], f"{where}.enums")
        texts: Any = entry["texts"]
        if not is_array(texts) or not all(isinstance(text, str) for text in texts):
            self.fail(f"{where}.texts", "must be a list of names")
        for name in enums:
            if name in texts:
                self.fail(f"{where}.texts", f"{_quoted(name)} is among the enums, too")
        return Numbering(
            {name: self.numbers(each, f"{where}.messages.{name}", 1) for name, each in messages.items()},
            {name: self.numbers(each, f"{where}.enums.{name}", 0) for name, each in enums.items()},
            tuple(texts),
        )

    def numbers(self, tree: Any, where: str, first: int) -> Numbers:
        entry = self.mapping(tree, where)
        self.only(entry, ("names", "next", "reserved"), where)
        names = self.mapping(entry["names"], f"{where}.names")
        given = self.mapping(entry["reserved"], f"{where}.reserved")
        reserved: dict[int, str] = {}
        for key, name in given.items():
            if _NUMBER.match(key) is None or not isinstance(name, str):
                self.fail(f"{where}.reserved.{key}", "a reservation is a number and the name that had it")
            reserved[int(key)] = name
        after: Any = entry["next"]
        for name in [*names, *reserved.values()]:
            if _NAME.match(name) is None:
                self.fail(where, f"{_quoted(name)} is no name of a field or value")
        if type(after) is not int or not first <= after <= LAST + 1:
            self.fail(f"{where}.next", f"must be a number from {first} to {LAST + 1}")
        self._check(where, names, reserved, after, first)
        if first == 0 and 0 not in names.values():
            self.fail(where, "no value has the number 0, which is the value of an enum that was declared first")
        return Numbers(names, after, reserved)

    def _check(self, where: str, names: Mapping[str, Any], reserved: Mapping[int, str], after: int, first: int) -> None:
        owners: dict[int, str] = dict(reserved)
        for number in reserved:
            self._check_number(f"{where}.reserved.{number}", number, after, first)
        for name, number in names.items():
            self._check_number(f"{where}.names.{name}", number, after, first)
            if number in reserved:
                remedy = "give it the number that it had, or the next free one and raise 'next' by one"
                self.fail(f"{where}.names.{name}", f"{number} is reserved: {_quoted(reserved[number])} had it", remedy)
            if number in owners:
                self.fail(f"{where}.names.{name}", f"{_quoted(owners[number])} has the number {number} too", _MERGED)
            owners[number] = name
        if len(owners) < sum(1 for _ in _numbers(first, after, len(owners) + 1)):
            missing = next(number for number in _numbers(first, after, len(owners) + 1) if number not in owners)
            remedy = f'add "{missing}": "NAME" to \'reserved\', with the name of the field that had it'
            self.fail(
                where, f"nothing has the number {missing}, which was given: its reservation was taken out", remedy
            )

    def _check_number(self, where: str, number: Any, after: int, first: int) -> None:
        if type(number) is not int or not first <= number <= LAST:
            self.fail(where, f"{shorten(repr(number), 24)} is no number of a field: from {first} to {LAST}")
        if first == 1 and number in RESERVED_BY_PROTOBUF:
            self.fail(where, f"{number} is protobuf's own (19000 to 19999)")
        if number >= after:
            self.fail(where, f"{number} was not given yet, 'next' is {after}", f"set 'next' to {number + 1}")


def _numbers(first: int, after: int, most: int) -> Generator[int, None, None]:
    """The numbers that were given, ``most`` of them at most."""
    number = first
    for _ in range(most):
        if number >= after:
            return
        yield number
        number = following(number) if first == 1 else number + 1
