"""Locations in a message, and their text for errors.

A location is a linked tuple, so that going one level down costs one small allocation and the text is only made for an
error. Its parts say what it is: ``(parent, key, number)`` a field as the sender spelled it, ``(parent, i, i)`` an
element of a list, ``(parent, None, key)`` an entry of a map.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Location", "NumberPath", "location_text", "number_path"]

Location = tuple[Any, ...] | None
"""A location in a message; None is the message itself."""
NumberPath = tuple[int | str, ...]
"""A location as numbers of fields, indexes of elements and keys of maps, which mean the same in every release."""
_SEGMENT = 64
"""The most characters of one key that an error repeats."""
_SEGMENTS = 40
"""The most levels of a location that an error tells."""


def location_text(at: Location) -> str:
    """The location as text: ``wind.gusts[3].speed``, or ``levels["high"]`` for an entry of a map."""
    parts: list[str] = []
    while at is not None and len(parts) < _SEGMENTS:
        at, key, ref = at
        if key is None:
            parts.append(f'["{str(ref)[:_SEGMENT]}"]')
        else:
            parts.append(f"[{key}]" if isinstance(key, int) else f".{key[:_SEGMENT]}")
    return "".join(reversed(parts)).removeprefix(".")


def number_path(at: Location) -> NumberPath:
    """The location as numbers of fields, indexes and keys."""
    found: list[int | str] = []
    while at is not None:
        found.append(at[2])
        at = at[0]
    return tuple(reversed(found))
