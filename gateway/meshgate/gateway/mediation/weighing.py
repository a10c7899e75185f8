"""Whether a message is too large to be mediated on the event loop."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.checking import is_array, is_object
from meshgate.a2a.payload import Payload, ProtoPayload

__all__ = ["outweighs"]

_VALUE = 8


def outweighs(payload: Payload, most: int) -> bool:
    """Whether a message has more than ``most`` bytes; of JSON each value counts as eight, and a text as its length.

    It looks at no more of the message than that.
    """
    if isinstance(payload, ProtoPayload):
        return payload.message.ByteSize() > most
    waiting: list[Any] = [payload.tree()]
    for node in waiting:
        if isinstance(node, str):
            most -= len(node)
        elif is_object(node):
            most -= _VALUE * len(node)
            waiting += node.values() if most >= 0 else ()
        elif is_array(node):
            most -= _VALUE * len(node)
            waiting += node if most >= 0 else ()
        if most < 0:
            return True
    return False
