"""Variants of an agent's addresses: suffixes of its name, because clients compose paths and drop queries.

``/agents/NAME+grpc`` is the agent NAME, whose card there lists gRPC as well. Names of agents and skills hold no ``+``.
"""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import NoRoute
from meshgate.a2a.selector import Selector

__all__ = ["PLAIN", "Variant", "split_variant"]

_GRPC = "grpc"


class Variant(msgspec.Struct, frozen=True):
    """The form of a card."""

    grpc: bool = False
    """Whether it lists gRPC."""

    @property
    def suffix(self) -> str:
        """What follows the name."""
        return f"+{_GRPC}" if self.grpc else ""

    def path(self, target: Selector) -> str:
        """The path at which a target is called in this variant."""
        if not target.skill:
            return f"/agents/{target.agent}{self.suffix}"
        name, at, rest = target.text.partition("@")
        return f"/skills/{name}{self.suffix}{at}{rest}"


PLAIN = Variant()
"""The form without any suffix."""


def split_variant(text: str) -> tuple[str, Variant]:
    """A name of a path, such as ``writer+grpc`` or ``write+grpc@2``, as the selector's text and the variant.

    Raises:
        NoRoute: the suffix is no variant.
    """
    name, at, rest = text.partition("@")
    name, plus, suffix = name.partition("+")
    if not plus:
        return text, PLAIN
    if suffix != _GRPC or not name:
        raise NoRoute
    return f"{name}{at}{rest}", Variant(grpc=True)
