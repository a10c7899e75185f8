"""A contract that was derived from the types of a skill, as a value."""

from __future__ import annotations

import msgspec

from meshgate.registry.schemas import Image
from meshgate.sdk.schemas.derive.shapes import Shapes
from meshgate.sdk.schemas.lock.numbers import Numbering

__all__ = ["DerivedContract", "DerivedMessage"]


class DerivedMessage(msgspec.Struct, frozen=True):
    """The message of a skill's input, or of its output."""

    type: str
    """Full name of the message."""
    image: Image
    shapes: Shapes | None = None
    """The shapes that the message was made of, if it was made of a model."""
    shape: str = ""
    """The name of the message among them."""


class DerivedContract(msgspec.Struct, frozen=True):
    """The contract of one skill. A side that is text, parts or plain data has none."""

    takes: DerivedMessage | None
    gives: DerivedMessage | None
    numbering: Numbering
    """The numbers, those that were known before included."""

    @property
    def sides(self) -> tuple[DerivedMessage, ...]:
        """The sides that have a contract."""
        return tuple(side for side in (self.takes, self.gives) if side is not None)
