"""The kept inputs: a file for each input that reaches lines which the others do not, as small as it can be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import msgspec

from tests.fuzz.lines import Line, lines_of, reached
from tests.fuzz.targets import TARGETS, Target

__all__ = [
    "Coverage",
    "Record",
    "coverage_of",
    "falls_short",
    "keep",
    "kept_inputs",
    "offered",
    "recorded",
    "write_record",
]

FOLDER = Path(__file__).parent / "corpus"
RECORD = Path(__file__).parent / "coverage.json"


class Coverage(msgspec.Struct, frozen=True):
    """How far the kept inputs of a target reach."""

    reached: int
    """Lines of its modules that they reach."""
    of: int
    """Lines that there are."""


Record = dict[str, Coverage]


def kept_inputs(name: str) -> dict[Path, bytes]:
    """The kept inputs of a target by their files."""
    return {path: path.read_bytes() for path in sorted((FOLDER / name).iterdir())}


def recorded() -> Record:
    """What ``coverage.json`` says of each target."""
    return msgspec.json.decode(RECORD.read_bytes(), type=Record)


def write_record(record: Record) -> None:
    """Write what each target reaches."""
    tree = {name: msgspec.to_builtins(record[name]) for name in TARGETS if name in record}
    RECORD.write_text(json.dumps(tree, indent=2) + "\n", "utf-8")


def coverage_of(target: Target, inputs: Iterable[bytes]) -> tuple[Coverage, set[Line]]:
    """How far the inputs reach together, and the lines."""
    known = lines_of(target)
    lines = set[Line]().union(*reached(target, inputs)) & known
    return Coverage(len(lines), len(known)), lines


def falls_short(now: Coverage, before: Coverage) -> bool:
    """Whether the inputs reach less than they did. Lines that the product has no more are not missed."""
    return now.reached < before.reached and now.of - now.reached > before.of - before.reached


def offered(target: Target, known: set[Line], found: Iterable[bytes]) -> list[tuple[bytes, set[Line]]]:
    """Of the inputs that a run found those that reach further lines, the smallest ones first, each with its lines."""
    here, lines = lines_of(target), set(known)
    offers: list[tuple[bytes, set[Line]]] = []
    inputs = sorted(set(found), key=lambda data: (len(data), data))
    for data, more in zip(inputs, reached(target, inputs), strict=True):
        fresh = (more & here) - lines
        if fresh:
            offers.append((data, fresh))
            lines |= fresh
    return offers


def _shrunk(data: bytes, holds: Callable[[bytes], bool]) -> bytes:
    """A small input for which something still holds: pieces are taken out, halves first and bytes last."""
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + size :]
            if holds(less):
                data = less
            else:
                at += size
        size //= 2
    return data


def _reaches(target: Target, lines: set[Line], data: bytes) -> bool:
    try:
        return lines <= next(reached(target, [data]))
    except Exception:  # noqa: BLE001 - a fault, and no input to keep: a run finds it again, and tells it
        return False


def keep(name: str, offers: Iterable[tuple[bytes, set[Line]]]) -> None:
    """Write inputs, each as small as it can be and still reach its lines."""
    target = TARGETS[name]
    for data, lines in offers:
        small = _shrunk(data, partial(_reaches, target, lines))
        path = FOLDER / name / hashlib.sha256(small).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(small)
