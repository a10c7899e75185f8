"""The shape of a JSON message: its keys at every level, without the values. Messages are counted by shape."""

from __future__ import annotations

import itertools
from typing import Any

from meshgate.a2a.codec.strict_json import is_object

__all__ = ["Shape", "add_paths", "fields_of", "shape_of"]

_DEPTH = 4
"""Levels of a message whose fields are counted one by one; below them, the field that holds the rest is counted."""
_ELEMENTS = 16
"""Elements of a list that are looked at."""
_KEYS = 256
"""Keys of a message that are looked at."""
Shape = tuple[Any, ...]
"""The keys of a message, and last the shapes of what it holds: (key, shape) of each object or list with objects."""


def fields_of(tree: object) -> set[str]:
    """The paths of the fields that a JSON message holds, such as ``wind.speed``. Fields in a list have the list's path
    in front.
    """
    found: set[str] = set()
    if is_object(tree):
        add_paths(shape_of(tree), "", found)
    return found


def shape_of(tree: dict[str, Any], depth: int = _DEPTH) -> Shape:
    """The shape of a message, down to ``depth`` levels."""
    keys = tuple(tree) if len(tree) <= _KEYS else tuple(itertools.islice(tree, _KEYS))
    held: list[tuple[str, Shape]] = []
    if depth > 1:
        for key, value in zip(keys, tree.values(), strict=False):
            kind = value.__class__
            if kind is dict:
                held.append((key, shape_of(value, depth - 1)))
            elif kind is list:
                held += [(key, shape_of(item, depth - 1)) for item in value[:_ELEMENTS] if item.__class__ is dict]
    return (*keys, tuple(held))


def add_paths(shape: Shape, prefix: str, found: set[str]) -> None:
    """Add the paths of a shape's fields to ``found``, each with ``prefix`` in front."""
    *keys, held = shape
    found.update([prefix + key for key in keys])
    for key, inner in held:
        add_paths(inner, f"{prefix}{key}.", found)
