"""The mapping of typed parts: they are found in an A2A message, changed, and put back. Everything else stays as it is.

A typed part is a ``data`` part whose media type is JSON or missing, or a ``raw`` part whose media type is protobuf.
What reads protobuf is imported for messages in that form: they come over gRPC, and need that extra.
"""

from __future__ import annotations

import itertools
import sys

from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.gateway.contracts.transform.typed_parts.json_parts import find_json_parts, map_json_parts
from meshgate.gateway.contracts.transform.typed_parts.part_tree import CHILDREN
from meshgate.gateway.contracts.transform.typed_parts.typed_part import Change, TypedPart

__all__ = ["map_parts", "typed_parts"]


def typed_parts(payload: Payload, most: int = sys.maxsize) -> list[TypedPart]:
    """The typed parts of a payload in order, ``most`` of them at most.

    Raises:
        SchemaViolation: a protobuf part is no base64.
    """
    if payload.kind not in CHILDREN:
        return []
    if isinstance(payload, ProtoPayload):
        from meshgate.gateway.contracts.transform.typed_parts.proto_parts import proto_part, walk_parts

        walked = (proto_part(*each) for each in walk_parts(payload.message, payload.kind, "input", ""))
        return list(itertools.islice((part for part in walked if part is not None), most))
    found: list[TypedPart] = []
    find_json_parts(payload.tree(), payload.kind, "input", "", found, most)
    return found


def map_parts(payload: Payload, change: Change) -> Payload:
    """The payload with its typed parts changed; the same payload if none changed.

    Raises:
        SchemaViolation: a protobuf part is no base64.
        MeshError: what ``change`` raises.
    """
    if payload.kind not in CHILDREN:
        return payload
    if isinstance(payload, ProtoPayload):
        from meshgate.gateway.contracts.transform.typed_parts.proto_parts import map_proto_parts

        return map_proto_parts(payload, change)
    tree = payload.tree()
    mapped = map_json_parts(tree, payload.kind, "input", "", change)
    return payload if mapped is tree else JsonPayload(payload.kind, mapped)
