"""The typed parts of JSON messages: finds and replaces them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from meshgate.a2a.types import (
    A2AMessage,
    Part,
)
from meshgate.gateway.contracts.transform.errors import violation_error
from meshgate.gateway.contracts.transform.typed_parts.media import parse_media_type
from meshgate.gateway.contracts.transform.typed_parts.part_tree import CHILDREN, Child, side_of_role
from meshgate.gateway.contracts.transform.typed_parts.typed_part import Change, Side, TypedPart
from meshgate.gateway.contracts.transform.violations import Violation

__all__ = ["find_json_parts", "map_json_parts"]


def find_json_parts(
    tree: dict[str, Any], kind: type[A2AMessage], side: Side, path: str, found: list[TypedPart], most: int
) -> None:
    """Append the typed parts of a tree to ``found``, until there are ``most``."""
    for child in CHILDREN[kind]:
        value = tree.get(child.key)
        if not value or len(found) >= most:
            continue
        where = path + child.key
        if child.kind is Part:
            for index, item in enumerate(value):
                if "text" not in item and (part := _json_part(item, side, f"{where}[{index}]")) is not None:
                    found.append(part)
                    if len(found) >= most:
                        return
        elif child.many:
            for index, item in enumerate(value):
                find_json_parts(
                    item, child.kind, child.side or side_of_role(item.get("role")), f"{where}[{index}].", found, most
                )
        else:
            find_json_parts(value, child.kind, child.side or side_of_role(value.get("role")), where + ".", found, most)


def map_json_parts(
    tree: dict[str, Any], kind: type[A2AMessage], side: Side, path: str, change: Change
) -> dict[str, Any]:
    """The tree with its parts changed. It is copied only along the way to the changed parts."""
    out = tree
    for child in CHILDREN[kind]:
        value = tree.get(child.key)
        if not value:
            continue
        where = f"{path}{child.key}"
        new = (
            _map_list(value, child, side, where, change) if child.many else _map_one(value, child, side, where, change)
        )
        if new is not value:
            out = {**out, child.key: new}
    return out


def _map_list(items: list[Any], child: Child, side: Side, path: str, change: Change) -> list[Any]:
    new = [_map_one(item, child, side, f"{path}[{index}]", change) for index, item in enumerate(items)]
    return items if all(new[index] is item for index, item in enumerate(items)) else new


def _map_one(tree: dict[str, Any], child: Child, side: Side, path: str, change: Change) -> dict[str, Any]:
    if child.kind is Part:
        part = _json_part(tree, side, path)
        if part is None or (new := change(part)) is part:
            return tree
        return _put_json(tree, new)
    return map_json_parts(tree, child.kind, child.side or side_of_role(tree.get("role")), f"{path}.", change)


def _json_part(tree: dict[str, Any], side: Side, path: str) -> TypedPart | None:
    media: str = tree.get("mediaType", "")
    if "data" in tree:
        if media and parse_media_type(media).form != "json":
            return None
        return TypedPart(side, path, "json", media, tree["data"])
    if "raw" in tree and media and parse_media_type(media).form == "protobuf":
        return TypedPart(side, path, "protobuf", media, _bytes(tree["raw"], path))
    return None


def _bytes(raw: str, path: str) -> bytes:
    try:
        padded = raw.replace("-", "+").replace("_", "/") + "=" * (-len(raw) % 4)
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        raise violation_error("its media type", (Violation(path, "proto.base64", "must be base64"),)) from None


def _put_json(tree: dict[str, Any], part: TypedPart) -> dict[str, Any]:
    """The part's tree with the new content; metadata and other keys stay."""
    name, other = ("data", "raw") if part.form == "json" else ("raw", "data")
    out = {name if key == other else key: value for key, value in tree.items()}
    out[name] = part.value if part.form == "json" else base64.b64encode(part.value).decode("ascii")
    if part.media_type:
        out["mediaType"] = part.media_type
    return out
