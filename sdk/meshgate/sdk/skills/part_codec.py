"""Converts one side of a skill between parts and Python values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from meshgate.a2a.types import Message, Part
from meshgate.sdk.skills.contract import PROTOBUF
from meshgate.sdk.skills.media_types import preferred_encoding

__all__ = ["PartCodec"]


class PartCodec(msgspec.Struct, frozen=True):
    """Reads the input of a skill from a message, or writes its output as parts."""

    read: Callable[[Message], Any]
    """The argument in a message; raises InvalidParams where it has none."""
    write: Callable[[Any], list[Part]]
    """The parts of a result."""
    modes: tuple[str, ...]
    """Media types, for the card."""
    schema: dict[str, Any] | None = None
    """JSON Schema of the data, for the card."""
    type_name: str = ""
    """Name of the message, for the registry."""
    digest: str = ""
    """Digest of its descriptor set, if it has a contract."""
    raw: Callable[[Any], list[Part]] | None = None
    """The parts of a result in protobuf's binary form, where there is one."""
    annotation: Any = None
    """The annotation that it was made of."""

    def accepts(self, value: object) -> bool:
        """Whether the value is of the type of its contract."""
        return bool(self.digest) and isinstance(self.annotation, type) and isinstance(value, self.annotation)

    def for_modes(self, modes: Sequence[str]) -> PartCodec:
        """The codec of an answer for a caller who accepts these media types, best first."""
        if self.raw is None or preferred_encoding(modes) != PROTOBUF:
            return self
        return msgspec.structs.replace(self, write=self.raw)
