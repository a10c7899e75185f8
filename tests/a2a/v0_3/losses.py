"""What a message of 1.0 loses on its way through A2A 0.3 and back, said once: tests compare with it."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import is_array, is_object

Tree = dict[str, Any]


def through(tree: Tree) -> Tree:
    """What is left of a request or an event although gateways put back what 0.3 has no place for.

    0.3 has no tenants, and its history of 0 messages is all of it.
    """
    out = {key: value for key, value in tree.items() if key != "tenant"}
    if "historyLength" in out and not out["historyLength"]:
        del out["historyLength"]
    if is_object(out.get("configuration")):
        out["configuration"] = through(out["configuration"])
        if not out["configuration"]:
            del out["configuration"]
    return out


def without_gateway(value: Any, *, references: bool) -> Any:
    """What is left if the other end does not hand back the metadata that a gateway wrote.

    A part that is no file loses its media type and its filename, and data that are no object stay wrapped.

    Args:
        references: whether the writing has a place for ``referenceTaskIds``.
    """
    if is_array(value):
        return [without_gateway(item, references=references) for item in value]
    if not is_object(value):
        return value
    out: Tree = {
        key: value[key] if key in ("metadata", "data") else without_gateway(value[key], references=references)
        for key in value
    }
    if not references:
        out.pop("referenceTaskIds", None)
    if ("text" in out or "data" in out) and not ("messageId" in out or "artifactId" in out):
        out.pop("filename", None)
        out.pop("mediaType", None)
        if "data" in out and not is_object(out["data"]):
            out["data"] = {"value": out["data"]}
    return out


def without_kept(value: Any) -> Any:
    """A message of 0.3 as an end hands it back that drops what it does not know of the metadata."""
    if is_array(value):
        return [without_kept(item) for item in value]
    if not is_object(value):
        return value
    out: Tree = {key: without_kept(item) for key, item in value.items() if key != "meshgate/v1"}
    if not out.get("metadata", True) and value["metadata"]:
        del out["metadata"]
    return out
