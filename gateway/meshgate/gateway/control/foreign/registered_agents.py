"""The foreign agents that operators registered: their cards are read again every minute, under the operators' terms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.control.foreign.card_trust import CardTrust
from meshgate.gateway.control.foreign.listed_card import credential_of, listed_card
from meshgate.gateway.control.foreign.refusals import Refusals, RefusedAgent
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.foreign.card_fetcher import CardFetcher
from meshgate.registry.foreign.card_places import FoundCard
from meshgate.registry.foreign.card_provenance import is_settled, provenance_of
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry

__all__ = ["RegisteredAgents"]

log = structlog.get_logger(__name__)


class RegisteredAgents:
    """Keeps what the registry says of foreign agents as their cards say it.

    An agent keeps the name that it is listed under, and what its operator said of it. A card that is refused changes
    nothing.

    Args:
        table: this process's view of the registry.
        addresses: where agents may be.
        seal: opens their credentials.
        own: URLs of the cards of the settings' agents, which are kept current with the settings.
        trust: judges cards that changed; one that knows of no calls if left out.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        registry: Registry,
        table: Index,
        addresses: AddressPolicy,
        seal: CredentialSeal,
        own: frozenset[str],
        *,
        trust: CardTrust | None = None,
        limits: Limits = DEFAULTS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._table, self._addresses = registry, table, addresses
        self._seal, self._own, self._limits = seal, own, limits
        self._wall = wall
        self._trust = trust or CardTrust(registry, wall=wall)
        self._refusals = Refusals(wall)
        self._known: dict[str, FoundCard] = {}
        """The card of each instance as it was read last."""

    @property
    def refused(self) -> list[RefusedAgent]:
        """Those whose cards are refused now."""
        return self._refusals.listed

    async def run(self) -> None:
        """Read all again from time to time, until cancelled."""
        async with CardFetcher(self._addresses.check, self._limits) as fetcher:
            while True:
                await asyncio.sleep(self._limits.card_refresh)
                await self.look(fetcher)

    async def look(self, fetcher: CardFetcher) -> None:
        """Read all cards once."""
        listed = {name: entry for name, entry in self._table.entries.items() if self._is_kept(entry)}
        self._refusals.keep(set(listed))
        self._known = {name: card for name, card in self._known.items() if name in listed}
        for name, entry in listed.items():
            try:
                await self._read(entry, fetcher)
            except MeshError as error:
                check = entry.instance.check
                card = check.url if check is not None else ""
                self._refusals.note(name, card, entry.instance.agent, error.message, settings=False)
            else:
                self._refusals.clear(name)

    def _is_kept(self, entry: Entry) -> bool:
        instance = entry.instance
        return (
            instance.lasting
            and entry.manifest.terms is not None
            and instance.check is not None
            and instance.check.url not in self._own
        )

    async def _read(self, entry: Entry, fetcher: CardFetcher) -> None:
        instance, before, check = entry.instance, entry.manifest, entry.instance.check
        if check is None:
            return
        credential = credential_of(entry, self._seal)
        known = self._known.get(instance.id, FoundCard(check.url, b""))
        answer = await fetcher.fetch(check.url, {**credential.headers, **known.condition()}, credential.ca)
        body = known.body if answer.status == 304 else answer.body if answer.status == 200 else b""
        seen = before.held.origin if before.held is not None else before.provenance
        if not body or (body == known.body and is_settled(seen)):
            return  # health checks see an agent that is away
        listed_card(entry, body, None, self._seal, self._addresses)  # what is refused needs no keys
        origin = await provenance_of(body, lambda jku: fetcher.fetch(jku, {}, credential.ca), self._wall(), seen)
        changed, now = listed_card(entry, body, origin, self._seal, self._addresses)
        held = await self._trust.judge(entry, now, body)
        if not entry.same(self._table.entries.get(instance.id)):
            return  # it was deregistered, or registered anew, while its card was on its way
        if held is not None:
            now = msgspec.structs.replace(before, held=held)
            changed = msgspec.structs.replace(instance, manifest=now.digest())
        if changed != instance:
            await self._registry.register(changed, now)
            log.info("foreign_agent_changed", agent=now.agent, instance=instance.id, version=now.version)
        self._known[instance.id] = FoundCard(check.url, body, answer.etag or known.etag)
