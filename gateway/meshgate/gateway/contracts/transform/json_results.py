"""The results of reading JSON into a message, and of writing a message as JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.message import Message

from meshgate.gateway.contracts.transform.violations import UnknownKey, Violation

__all__ = ["ReadResult", "WriteResult"]


class ReadResult(msgspec.Struct, frozen=True):
    """The message that a JSON value stands for, and the keys that its type does not know."""

    message: Message
    unknown_keys: tuple[UnknownKey, ...] = ()


class WriteResult(msgspec.Struct, frozen=True):
    """The JSON of a message.

    Attributes:
        tree: the JSON value.
        fallbacks: the numbers of enums that have no name, so that another value stands in for them.
        lost: unknown keys that have no place in the JSON, or mean something else there.
    """

    tree: Any
    fallbacks: tuple[Violation, ...] = ()
    lost: tuple[UnknownKey, ...] = ()
