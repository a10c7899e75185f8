"""The small differences between pydantic's JSON and protobuf's, made up for at the agent."""

from __future__ import annotations

import re
from typing import Any

from meshgate.a2a.checking import is_array, is_object
from meshgate.sdk.contracts.shapes import Field, Shapes

__all__ = ["Walker"]

_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")


class Walker:
    """Walks JSON of a message along its shape.

    Args:
        shapes: the messages.
        root: the name of the one that is walked.

    Attributes:
        fills: whether there is something to fill in anywhere.
        stamps: whether there are timestamps anywhere.
    """

    def __init__(self, shapes: Shapes, root: str) -> None:
        self._shapes = shapes
        self._root = root
        found = [field for name in _reachable(shapes, root) for field in shapes.messages[name].fields]
        self.fills = any(field.fills for field in found)
        self.stamps = any(field.element.kind == "timestamp" for field in found)

    def filled(self, tree: Any) -> Any:
        """A copy in which lists and maps that a model wants are there, empty, where protobuf left them out."""
        return self._filled(tree, self._root) if self.fills else tree

    def _filled(self, tree: Any, name: str) -> Any:
        if not is_object(tree):
            return tree
        out = dict(tree)
        for field in self._shapes.messages[name].fields:
            value = out.get(field.json)
            if value is None and field.fills:
                out[field.json] = {} if field.shape == "map" else []
            elif value is not None and field.element.kind == "message":
                out[field.json] = self._inner(value, field)
        return out

    def _inner(self, value: Any, field: Field) -> Any:
        target = field.element.target
        if field.shape == "list" and is_array(value):
            return [self._filled(item, target) for item in value]
        if field.shape == "map" and is_object(value):
            return {key: self._filled(item, target) for key, item in value.items()}
        return self._filled(value, target)

    def check(self, tree: Any) -> Any:
        """``tree``, if all its times have a zone.

        Raises:
            ValueError: one has none.
        """
        if self.stamps:
            self._check(tree, self._root)
        return tree

    def _check(self, tree: Any, name: str) -> None:
        for field in self._shapes.messages[name].fields:
            kind = field.element.kind
            value = tree.get(field.json) if kind in ("timestamp", "message") else None
            if value is None:
                continue
            for item in value.values() if field.shape == "map" else value if field.shape == "list" else [value]:
                if kind == "message":
                    self._check(item, field.element.target)
                elif _ZONE.search(item) is None:
                    raise ValueError(f"{name}.{field.name}: {item} has no time zone: use datetime.now(UTC) or the like")


def _reachable(shapes: Shapes, root: str) -> set[str]:
    found, waiting = {root}, [root]
    while waiting:
        for field in shapes.messages[waiting.pop()].fields:
            if field.element.kind == "message" and field.element.target not in found:
                found.add(field.element.target)
                waiting.append(field.element.target)
    return found
