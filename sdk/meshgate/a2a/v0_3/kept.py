"""What 1.0 says and 0.3 has no place for: it travels in the metadata, under one key, and is put back on the way to 1.0.

Only gateways read the key. An agent or a client that hands metadata back as it got them loses nothing.
"""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.mesh.headers import KEPT

__all__ = ["KEPT", "keep", "take"]


def keep(out: dict[str, Any], facts: dict[str, Any]) -> None:
    """Put facts into the metadata of an object that is written; nothing if there are none."""
    if facts:
        out["metadata"] = {**(out.get("metadata") or {}), KEPT: facts}


def take(out: dict[str, Any]) -> dict[str, Any]:
    """The facts in the metadata of an object that is a copy of what was read; they are taken out of it."""
    metadata = out.get("metadata")
    if not metadata or KEPT not in metadata:
        return {}
    rest = {key: value for key, value in metadata.items() if key != KEPT}
    if rest:
        out["metadata"] = rest
    else:
        del out["metadata"]
    facts = metadata[KEPT]
    return facts if is_object(facts) else {}
