"""The results of reading JSON into a message, and of writing a message as JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.message import Message

from meshgate.gateway.contracts.transform.violations import UnknownKey, Violation

__all__ = ["ReadResult", "WriteResult"]


class ReadResult(msgspec.Struct, frozen=True):
    """What a JSON value says: a message, and the keys that its type does not know."""

    message: Message
    unknown_keys: tuple[UnknownKey, ...] = ()


class WriteResult(msgspec.Struct, frozen=True):
    """The JSON of a message.

    Attributes:
        tree: the JSON value.
        fallbacks: where an enum's number has no name, so that another value stands in for it.
        lost: leftovers that found no place, or whose key means something else here.
    """

    tree: Any
    fallbacks: tuple[Violation, ...] = ()
    lost: tuple[UnknownKey, ...] = ()
