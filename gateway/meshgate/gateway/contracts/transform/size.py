"""The size of a message, told without writing it: large messages are converted in a thread."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.payload import Payload, ProtoPayload

__all__ = ["is_larger"]

_VALUE = 8
"""How many bytes a value of JSON counts for, beside the characters of a text."""


def is_larger(payload: Payload, most: int) -> bool:
    """Whether a message has more than ``most`` bytes. In JSON each value counts as eight, and a text as its length.

    The search stops at ``most``, so that a large message costs no more than one at the limit.
    """
    if isinstance(payload, ProtoPayload):
        return payload.message.ByteSize() > most
    waiting: list[Any] = [payload.tree()]
    for node in waiting:
        kind = node.__class__
        if kind is str:
            most -= len(node)
        elif kind is dict or kind is list:
            most -= _VALUE * len(node)
            if most >= 0:
                waiting += node.values() if kind is dict else node
        else:
            continue
        if most < 0:
            return True
    return False
