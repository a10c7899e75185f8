"""The typed part: a part of a message that a contract may describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from meshgate.gateway.contracts.transform.typed_parts.media import Form, parse_media_type
from meshgate.gateway.contracts.transform.violations import UnknownKey, Violation

__all__ = ["Change", "ConvertedPart", "Side", "TypedPart"]

Side = Literal["input", "output"]
"""Which of a skill's contracts a part belongs to."""


class TypedPart(msgspec.Struct, frozen=True):
    """A part that a contract may describe.

    Attributes:
        side: ``input`` for parts from callers, ``output`` for parts from agents. In a task's history the role of the
            message decides; elsewhere the type of the message does.
        path: its path, such as ``message.parts[0]``.
        form: JSON or protobuf.
        media_type: as it came, perhaps empty.
        value: the JSON value, or the protobuf bytes.
    """

    side: Side
    path: str
    form: Form
    media_type: str
    value: Any
    type: str = ""
    """The full name of its message, if its media type has one. It is read from there, and never passed."""
    version: str = ""
    """Its release, read from the media type as well."""

    def __post_init__(self) -> None:
        media = parse_media_type(self.media_type)
        msgspec.structs.force_setattr(self, "type", media.type)
        msgspec.structs.force_setattr(self, "version", media.version)


Change = Callable[[TypedPart], TypedPart]
"""Returns the changed part, or the same object if nothing changes."""


class ConvertedPart(msgspec.Struct, frozen=True):
    """A part after its conversion.

    Attributes:
        part: the part to send on; the same object if it is sent as it came.
        fallbacks: enum values that the reader's release does not name, so that others stand in for them.
        lost: unknown JSON keys that could not be carried over.
    """

    part: TypedPart
    fallbacks: tuple[Violation, ...] = ()
    lost: tuple[UnknownKey, ...] = ()
