"""Variants of an agent's addresses: suffixes of its name, because clients compose paths and drop queries.

``/agents/NAME+grpc`` is the agent NAME, whose card there lists gRPC as well; ``+1.0`` and ``+0.3`` are its card in that
version alone, and ``+grpc+1.0`` is both. Names of agents and skills hold no ``+``.
"""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import NoRoute
from meshgate.a2a.selector import Selector

__all__ = ["PLAIN", "VERSIONS", "Variant", "split_variant"]

_GRPC = "grpc"
VERSIONS = ("1.0", "0.3")
"""The versions of A2A that a card may be asked for in."""


class Variant(msgspec.Struct, frozen=True):
    """The form of a card."""

    grpc: bool = False
    """Whether it lists gRPC."""
    version: str = ""
    """The one version of A2A that it is written in; "" for a card that readers of each version can take."""

    @property
    def suffix(self) -> str:
        """What follows the name."""
        return (f"+{_GRPC}" if self.grpc else "") + (f"+{self.version}" if self.version else "")

    def path(self, target: Selector) -> str:
        """The path at which a target is called in this variant."""
        if not target.skill:
            return f"/agents/{target.agent}{self.suffix}"
        name, at, rest = target.text.partition("@")
        return f"/skills/{name}{self.suffix}{at}{rest}"


PLAIN = Variant()
"""The form without any suffix."""
_ALL = [Variant(grpc, version) for grpc in (False, True) for version in ("", *VERSIONS)]
_VARIANTS = {variant.suffix: variant for variant in _ALL}


def split_variant(text: str) -> tuple[str, Variant]:
    """A name of a path, such as ``writer+grpc`` or ``write+grpc+1.0@2``, as the selector's text and the variant.

    Raises:
        NoRoute: the suffix is no variant: each of its words is known, stands there once, and in one order.
    """
    name, at, rest = text.partition("@")
    name, plus, suffix = name.partition("+")
    variant = _VARIANTS.get(plus + suffix)
    if variant is None or (plus and not name):
        raise NoRoute
    return f"{name}{at}{rest}", variant
