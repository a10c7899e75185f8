"""The agents of the settings: their cards are fetched every minute, and registered when they change."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.config import ForeignAgent
from meshgate.gateway.control.foreign.card_trust import CardTrust
from meshgate.gateway.control.foreign.refusals import Refusals, RefusedAgent
from meshgate.gateway.identity.credential_seal import CredentialSeal, sealed
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.foreign.agent_credential import GivenCredential, credential_for, endpoints_for
from meshgate.registry.foreign.card_fetcher import CardFetcher
from meshgate.registry.foreign.card_places import CardAnswer, FoundCard, card_places, find_card
from meshgate.registry.foreign.card_provenance import is_settled, provenance_of
from meshgate.registry.foreign.foreign_agent import foreign_instance, instances_of_card, name_holder, read_foreign
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry, ForeignTerms, HeldCard, Instance, Manifest, Provenance

__all__ = ["SettingsAgents"]

log = structlog.get_logger(__name__)


class SettingsAgents:
    """Registers each agent of the settings, and looks at its card from time to time. A refused card changes nothing.

    Args:
        addresses: where agents may be.
        seal: seals their credentials.
        home: names the home that the settings belong to; what it listed once and lists no longer is taken off the list.
        trust: judges cards that changed; one that knows of no calls if left out.
        environ: holds secrets that the settings name.
        wall: seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        agents: Sequence[ForeignAgent],
        registry: Registry,
        table: Index,
        addresses: AddressPolicy,
        seal: CredentialSeal,
        *,
        home: str,
        trust: CardTrust | None = None,
        limits: Limits = DEFAULTS,
        environ: Mapping[str, str] = os.environ,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._agents, self._registry, self._table = agents, registry, table
        self._addresses, self._seal, self._environ = addresses, seal, environ
        self._limits, self._home = limits, home
        self._wall = wall
        self._trust = trust or CardTrust(registry, wall=wall)
        self._placed: set[str] = set()
        """What was registered in this run."""
        self._refusals = Refusals(wall)

    @property
    def refused(self) -> list[RefusedAgent]:
        """Those that are refused now."""
        return self._refusals.listed

    async def run(self) -> None:
        """Keep all registered, until cancelled."""
        await self._take_off(frozenset(place for agent in self._agents for place in card_places(agent.card)))
        async with CardFetcher(self._addresses.check, self._limits) as fetcher:
            await asyncio.gather(*(self._keep(place, fetcher) for place in range(len(self._agents))))

    async def _take_off(self, cards: frozenset[str]) -> None:
        """Deregister what these settings listed before and list no longer: agents of other cards."""
        for name, entry in list(self._table.entries.items()):
            check = entry.instance.check
            if self._is_ours(entry) and (check is None or check.url not in cards):
                await self._deregister(name)

    def _is_ours(self, entry: Entry) -> bool:
        terms = entry.manifest.terms
        return entry.instance.lasting and terms is not None and terms.settings == self._home

    async def _deregister(self, name: str) -> None:
        try:
            await self._registry.deregister(name)
        except MeshError as error:
            log.warning("foreign_agent_not_removed", instance=name, reason=error.message)
        else:
            log.info("foreign_agent_removed", instance=name, reason="the settings list it no longer")

    async def _keep(self, place: int, fetcher: CardFetcher) -> None:
        agent, failures = self._agents[place], 0
        known: tuple[FoundCard, GivenCredential] | None = None
        settled = False
        while True:
            try:
                given = agent.credential(self._environ)
                found = await self._look(known, agent.card, given, fetcher)
                if (found, given) != known or not settled:
                    settled = is_settled(await self._register(agent, found, given, fetcher))
                    known = found, given
            except MeshError as error:
                failures = self._refusals.note(place, agent.card, agent.name, error.message, settings=True)
            else:
                failures = 0
                self._refusals.clear(place)
            # A retry comes soon at first, and then ever more seldom.
            pause = self._limits.card_retry * 2.0 ** min(failures - 1, 16) if failures else self._limits.card_refresh
            await asyncio.sleep(min(pause, self._limits.card_refresh))

    @staticmethod
    async def _look(
        known: tuple[FoundCard, GivenCredential] | None, where: str, given: GivenCredential, fetcher: CardFetcher
    ) -> FoundCard:
        """The card as it is now: where it was found, or else wherever it may be."""
        asked: dict[str, CardAnswer] = {}

        async def fetch(url: str) -> CardAnswer:
            if url not in asked:
                asked[url] = await fetcher.fetch(url, given.before_the_card(), given.ca)
            return asked[url]

        if known is not None:
            before = known[0]
            asked[before.url] = answer = await fetcher.fetch(
                before.url, {**given.before_the_card(), **before.condition()}, given.ca
            )
            if answer.status == 304:
                return before
            if answer.status == 200:
                return FoundCard(before.url, answer.body, answer.etag)
        return await find_card(where, fetch)

    async def _register(
        self, agent: ForeignAgent, found: FoundCard, given: GivenCredential, fetcher: CardFetcher
    ) -> Provenance:
        """Register what a card tells, or, if it is held, what the accepted one tells; returns what is known of the
        origin of the card.
        """
        before = self._listed(found.url)
        corrections, instance, manifest = self._row(agent, found.body, found.url, given)
        if not agent.name:
            self._check_name(instance)
        held = before.manifest.held if before is not None else None
        seen = held.origin if held is not None else before.manifest.provenance if before is not None else None
        origin = await provenance_of(found.body, lambda jku: fetcher.fetch(jku, {}, given.ca), self._wall(), seen)
        _, instance, manifest = self._row(agent, found.body, found.url, given, origin)
        if before is not None and (held := await self._trust.judge(before, manifest, found.body)) is not None:
            accepted = msgspec.json.encode(before.manifest.card)
            _, instance, manifest = self._row(agent, accepted, found.url, given, before.manifest.provenance, held)
        if instance.id in self._placed and before is not None and before.instance == instance:
            return origin
        await self._registry.register(instance, manifest)
        self._placed.add(instance.id)
        for name in instances_of_card(self._table, instance) - {instance.id}:
            if self._is_ours(self._table.entries[name]):  # the settings give it another name now
                await self._deregister(name)
        log.info("foreign_agent_registered", agent=manifest.agent, card=found.url, corrections=corrections)
        return origin

    def _row(
        self,
        agent: ForeignAgent,
        body: bytes,
        url: str,
        given: GivenCredential,
        origin: Provenance | None = None,
        held: HeldCard | None = None,
    ) -> tuple[list[str], Instance, Manifest]:
        """What was put right in a card, and the row that it gives."""
        read = read_foreign(
            body,
            agent.name,
            agent.reentrant,
            url=agent.url,
            protocol=agent.protocol,
            tell_caller=agent.tell_caller,
            any_references=agent.references == "any",
            shared_contexts=agent.contexts == "shared",
        )
        credential = credential_for(given, read.card, url)
        endpoints = endpoints_for(read.endpoints, credential, url, given=bool(agent.url))
        for endpoint in endpoints:
            self._addresses.check(endpoint.url)
        terms = msgspec.structs.replace(read.manifest.terms or ForeignTerms(), settings=self._home)
        manifest = msgspec.structs.replace(read.manifest, terms=terms, provenance=origin, held=held)
        instance = foreign_instance(manifest, endpoints, url, labels=agent.labels)
        if credential is not None:
            instance, manifest = sealed(instance, manifest, credential, self._seal)
        return list(read.corrections), instance, manifest

    def _listed(self, card: str) -> Entry | None:
        """What these settings list of the card at a URL."""
        for entry in self._table.entries.values():
            check = entry.instance.check
            if self._is_ours(entry) and check is not None and check.url == card:
                return entry
        return None

    def _check_name(self, instance: Instance) -> None:
        # A card says another name some day: it keeps the one that it began with, and takes nobody's.
        before = instances_of_card(self._table, instance)
        named = f"its card gives the name {instance.agent!r}"
        if before and instance.id not in before:
            raise InvalidParams(f"{named}, and it is listed as {min(before)!r}: write name = in the settings")
        holder = name_holder(self._table, instance)
        if holder is not None:
            raise InvalidParams(f"{named}, which is that of {holder!r}: write name = in the settings")
