"""Decides whether a card that changed is used, or held until an operator has accepted it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog

from meshgate.registry.foreign.card_changes import changes_of, removed_skills, suspicions
from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry, HeldCard, Manifest, Provenance

__all__ = ["RECENT", "CardTrust", "nothing_called"]

log = structlog.get_logger(__name__)
RECENT = 600.0
"""Seconds for which a skill that was called counts as one that callers need."""


async def nothing_called(_agent: str, _tenant: str) -> frozenset[str]:
    """For who knows of no calls."""
    return frozenset()


class CardTrust:
    """Judges changed cards of foreign agents. What is held stands in the registry beside the card that is used.

    Args:
        registry: keeps the cards that are held.
        called: the skills of an agent, by its name and tenant, that were called within ``RECENT``.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        registry: Registry,
        called: Callable[[str, str], Awaitable[frozenset[str]]] = nothing_called,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._called, self._wall = registry, called, wall

    async def judge(self, before: Entry, now: Manifest, body: bytes) -> HeldCard | None:
        """The card as it is held, or None if it may be used.

        Args:
            before: what is listed. now: what the card tells, with what is known of its origin.
            body: the card as it was served.

        Raises:
            InvalidParams: it is too large to be kept.
            RegistryUnavailable: it cannot be kept.
        """
        origin, held = now.provenance, before.manifest.held
        if origin is None or _same(before.manifest.provenance, origin):
            return None
        if held is not None and _same(held.origin, origin):
            await self._registry.put_blob(body)  # a sweeper of 0.2.0 may have taken it
            return held  # only an operator lets it go
        instance = before.instance
        removed = removed_skills(before.manifest, now)
        called = await self._called(instance.agent, instance.tenant) if removed else frozenset[str]()
        reasons = suspicions(before.manifest, now, called)
        if not reasons:
            return None
        blob = await self._registry.put_blob(body)
        log.warning("card_held", agent=instance.agent, instance=instance.id, reasons=reasons, card=origin.hash)
        return HeldCard(origin, blob, self._wall(), reasons, changes_of(before.manifest, now))


def _same(one: Provenance | None, other: Provenance) -> bool:
    """Whether two cards are one, by their content and by what their signatures prove."""
    return one is not None and (one.hash, one.verdict, one.key) == (other.hash, other.verdict, other.key)
