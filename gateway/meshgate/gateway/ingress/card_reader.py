"""The reader of a card: who it is, how it reaches the gateway, and the agent that it is shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from meshgate.a2a.call import Principal
from meshgate.gateway.ingress.variants import PLAIN, Variant
from meshgate.registry.model import Entry

__all__ = ["CACHED", "PUBLIC", "VARY", "Reached", "Shown"]

PUBLIC = Principal("anonymous", "", agents=("*",), skills=("*",))
"""Who is assumed to read cards without a key, where that is allowed."""
CACHED = "max-age=30, private"
VARY = "A2A-Version, Authorization, X-API-Key"
"""The headers of every card."""


class Reached(msgspec.Struct, frozen=True):
    """The fact that says how the caller of an HTTP request reaches the gateway."""

    origin: str
    """Scheme, host and port."""
    variant: Variant = PLAIN


class Shown(NamedTuple):
    """The agent whose card is shown to a caller.

    Attributes:
        newest: of the instances that the caller may use, one of the newest release.
        entries: those with the same manifest.
        skills: what the caller may use of it.
        more: whether it has an extended card for this caller.
    """

    newest: Entry
    entries: tuple[Entry, ...]
    skills: frozenset[str]
    more: bool

    @property
    def has_own(self) -> bool:
        """Whether the agent itself has an extended card."""
        capabilities: Any = self.newest.manifest.card.get("capabilities") or {}
        return capabilities.get("extendedAgentCard") is True
