"""Locations in a message, and their text for errors.

A location is a linked tuple, so that going one level down costs one small allocation and the text is only made for an
error. Its parts say what it is: ``(parent, key, number)`` a field as the sender spelled it, ``(parent, i, i)`` an
element of a list, ``(parent, None, key)`` an entry of a map.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Location", "NumberPath", "location_text", "number_path"]

Location = tuple[Any, ...] | None
"""A place in a message; None is its root."""


NumberPath = tuple[int | str, ...]


_SEGMENT = 64
"""Most characters of one key that an error repeats."""


_SEGMENTS = 40


def location_text(at: Location) -> str:
    """A place as ``wind.gusts[3].speed``; entries of maps are ``levels["high"]``."""
    parts: list[str] = []
    while at is not None and len(parts) < _SEGMENTS:
        at, key, ref = at
        if key is None:
            parts.append(f'["{str(ref)[:_SEGMENT]}"]')
        else:
            parts.append(f"[{key}]" if isinstance(key, int) else f".{key[:_SEGMENT]}")
    return "".join(reversed(parts)).removeprefix(".")


def number_path(at: Location) -> NumberPath:
    """A place as field numbers, indexes and map keys."""
    found: list[int | str] = []
    while at is not None:
        found.append(at[2])
        at = at[0]
    return tuple(reversed(found))
