"""Compatibility modes: which differences between releases count."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from meshgate.a2a.versions import Version
from meshgate.registry.schemas.image import Image

__all__ = ["FORMS", "Mode", "ReleaseSide"]

FORMS: frozenset[Literal["wire", "json"]] = frozenset({"wire", "json"})
"""Both forms in which a payload may come."""


class Mode(enum.StrEnum):
    """What must hold between a release and earlier ones of its major version.

    Backward: a reader that has the new schema reads data written with the old one. Forward: a reader that has the old
    schema reads data written with the new one. Without "transitive" only the release before and the one after count.
    """

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"

    @property
    def transitive(self) -> bool:
        """Whether all releases of the major version count."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def directions(self) -> frozenset[str]:
        """The directions in which a violation counts."""
        kind = self.value.removesuffix("_TRANSITIVE")
        named = {"BACKWARD": {"backward"}, "FORWARD": {"forward"}, "FULL": {"backward", "forward"}, "NONE": set[str]()}[
            kind
        ]
        return frozenset(named | {"both"}) if named else frozenset()


class ReleaseSide(msgspec.Struct, frozen=True):
    """One direction of one release: what a skill takes, or what it gives."""

    version: Version
    image: Image | None = None
    type: str = ""
    """Full name of the message; empty if the release says nothing of this direction."""
