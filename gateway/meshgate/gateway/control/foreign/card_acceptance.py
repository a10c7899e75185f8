"""Accepts cards of foreign agents that are held, and shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from meshgate.a2a.errors import MeshError
from meshgate.gateway.control.acknowledgement import is_shown
from meshgate.gateway.control.foreign.listed_card import listed_card
from meshgate.gateway.control.switches import WrittenNotSeen
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry, HeldCard, Instance

__all__ = ["CardAcceptance", "HeldView", "NoHeldCard"]

log = structlog.get_logger(__name__)


class NoHeldCard(MeshError):
    """No card of this agent is held, or another one than was named."""

    code, summary = "NO_HELD_CARD", "no such card waits: 'meshgate card diff NAME' shows those that do"


class HeldView(msgspec.Struct, frozen=True):
    """A card that is held."""

    agent: str
    tenant: str
    instance: str
    accepted: str
    """The hash of the card that is used; "" if it is not known."""
    candidate: str
    """The hash of the card that is held."""
    since: float
    """Seconds since the epoch."""
    reasons: tuple[str, ...]
    changes: tuple[str, ...]


class CardAcceptance:
    """Puts cards that are held in the place of those that are used.

    Args:
        table: the registry, as this process watches it.
        addresses: where agents may be.
        seal: opens their credentials.
        seconds: how long the registry may take to show a change.
    """

    def __init__(
        self,
        registry: Registry,
        table: Index,
        addresses: AddressPolicy,
        seal: CredentialSeal,
        seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registry, self._table, self._addresses = registry, table, addresses
        self._seal, self._seconds, self._sleep = seal, seconds, sleep

    @property
    def held(self) -> list[HeldView]:
        """The cards that are held, by agent."""
        views = [
            _view(entry.instance, entry.manifest.held, accepted=_accepted(entry))
            for entry in self._table.entries.values()
            if entry.manifest.held is not None
        ]
        return sorted(views, key=lambda view: (view.tenant, view.agent, view.instance))

    async def accept(self, agent: str, tenant: str, candidate: str = "") -> list[HeldView]:
        """Use the cards of an agent that are held; what was accepted.

        Args:
            candidate: the hash of the card that was looked at; any if empty.

        Raises:
            NoHeldCard: none is held, or another one.
            RegistryUnavailable: the registry does not answer. WrittenNotSeen: it does not show the change.
            MeshError: the card can no longer be used as it is.
        """
        found = [
            entry
            for entry in self._table.instances_of(agent)
            if entry.instance.tenant == tenant and _is(entry.manifest.held, candidate)
        ]
        if not found:
            raise NoHeldCard
        return [await self._accept(entry) for entry in found]

    async def _accept(self, entry: Entry) -> HeldView:
        held = entry.manifest.held
        if held is None:
            raise NoHeldCard
        try:
            body = await self._registry.get_blob(held.blob)
        except KeyError:
            raise NoHeldCard("the registry has lost the card: register the agent anew") from None
        instance, manifest = listed_card(entry, body, held.origin, self._seal, self._addresses)
        await self._registry.register(instance, manifest)

        def shown() -> bool:
            now = self._table.entries.get(instance.id)
            return now is not None and now.instance.manifest == instance.manifest

        if not await is_shown(shown, self._seconds, self._sleep):
            raise WrittenNotSeen
        log.info("card_accepted", agent=instance.agent, instance=instance.id, card=held.origin.hash)
        return _view(instance, held, accepted=_accepted(entry))


def _is(held: HeldCard | None, candidate: str) -> bool:
    return held is not None and candidate in ("", held.origin.hash)


def _accepted(entry: Entry) -> str:
    return entry.manifest.provenance.hash if entry.manifest.provenance is not None else ""


def _view(instance: Instance, held: HeldCard | None, *, accepted: str) -> HeldView:
    if held is None:
        raise NoHeldCard
    return HeldView(
        instance.agent,
        instance.tenant,
        instance.id,
        accepted,
        held.origin.hash,
        held.at,
        held.reasons,
        held.changes,
    )
