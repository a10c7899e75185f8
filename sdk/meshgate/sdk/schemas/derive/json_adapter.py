"""Converts between pydantic's JSON and protobuf's, where the two differ."""

from __future__ import annotations

import math
import re
from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.sdk.schemas.codegen.client import float_text
from meshgate.sdk.schemas.derive.shapes import Field, Shapes

__all__ = ["JsonAdapter"]

_DIFFER = ("message", "timestamp", "double")
_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")


class JsonAdapter:
    """Adapts the JSON of a message to its shape.

    Args:
        shapes: the messages.
        root: the name of the one that is walked.

    Attributes:
        fills: whether there is something to fill in anywhere.
        differs: whether there are timestamps or floats anywhere.
    """

    def __init__(self, shapes: Shapes, root: str) -> None:
        self._shapes = shapes
        self._root = root
        found = [field for name in _reachable(shapes, root) for field in shapes.messages[name].fields]
        self.fills = any(field.fills for field in found)
        self.differs = any(field.element.kind in ("timestamp", "double") for field in found)

    def with_empty_lists(self, tree: Any) -> Any:
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

    def to_protobuf(self, tree: Any) -> None:
        """Make ``tree``, which pydantic wrote, protobuf's JSON: a float that is not finite becomes a text.

        Raises:
            ValueError: a time has no zone.
        """
        if self.differs:
            self._finish(tree, self._root)

    def _finish(self, tree: Any, name: str) -> None:
        for field in self._shapes.messages[name].fields:
            value = tree.get(field.json) if field.element.kind in _DIFFER else None
            if value is None:
                continue
            if field.shape == "singular":
                self._item(tree, field.json, field, name)
                continue
            for key in list(value) if field.shape == "map" else range(len(value)):
                self._item(value, key, field, name)

    def _item(self, holder: Any, key: Any, field: Field, name: str) -> None:
        item = holder[key]
        if field.element.kind == "message":
            self._finish(item, field.element.target)
        elif field.element.kind == "double":
            if not math.isfinite(item):
                holder[key] = float_text(item)
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
