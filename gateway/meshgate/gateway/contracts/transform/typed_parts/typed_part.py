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
    """A part that a contract may read.

    Attributes:
        side: ``input`` for what callers say, ``output`` for what agents say. Only in a task's history does the role of
            a message tell; anywhere else it is sure who speaks.
        path: its place, such as ``message.parts[0]``.
        form: in which form it is.
        media_type: as it came, perhaps empty.
        value: the JSON value, or the protobuf bytes.
    """

    side: Side
    path: str
    form: Form
    media_type: str
    value: Any
    type: str = ""
    """The full name of its message, if its media type says one. It is read from there, and never given."""
    version: str = ""
    """Its release, likewise."""

    def __post_init__(self) -> None:
        media = parse_media_type(self.media_type)
        msgspec.structs.force_setattr(self, "type", media.type)
        msgspec.structs.force_setattr(self, "version", media.version)


Change = Callable[[TypedPart], TypedPart]
"""What a part becomes: the same object, if nothing changes."""


class ConvertedPart(msgspec.Struct, frozen=True):
    """What became of a part.

    Attributes:
        part: what is sent on; the same object, if it is sent as it came.
        fallbacks: enum values that the reader's release does not name, so that another stands in.
        lost: unknown JSON keys that could not be carried over.
    """

    part: TypedPart
    fallbacks: tuple[Violation, ...] = ()
    lost: tuple[UnknownKey, ...] = ()
