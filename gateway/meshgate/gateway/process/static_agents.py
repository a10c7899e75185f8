"""Agents listed in the settings: their cards are fetched every minute, and registered when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import structlog

from meshgate.a2a.cards import MAX_CARD
from meshgate.a2a.errors import InvalidParams, MeshError, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.config import ForeignAgent
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.foreign import foreign_instance, read_foreign
from meshgate.registry.interface import Registry

__all__ = ["fetch_card", "keep_registered"]

log = structlog.get_logger(__name__)


async def fetch_card(session: aiohttp.ClientSession, url: str, seconds: float = DEFAULTS.card_seconds) -> bytes:
    """The card at ``url``, within so many seconds.

    Raises:
        UpstreamUnavailable: it cannot be fetched. InvalidParams: it is too large.
    """
    try:
        async with asyncio.timeout(seconds):
            async with session.get(url, allow_redirects=False, headers={"accept-encoding": "identity"}) as response:
                if response.status != 200:
                    raise UpstreamUnavailable(f"{url} answered with HTTP {response.status}")
                card = await response.content.read(MAX_CARD + 1)
                while len(card) <= MAX_CARD and not response.content.at_eof():
                    card += await response.content.read(MAX_CARD + 1 - len(card))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise UpstreamUnavailable(f"{url} cannot be fetched: {type(error).__name__}") from None
    if len(card) > MAX_CARD:
        raise InvalidParams(f"the card at {url} is larger than {MAX_CARD} bytes")
    return card


async def keep_registered(
    agents: Sequence[ForeignAgent], registry: Registry, addresses: AddressPolicy, limits: Limits = DEFAULTS
) -> None:
    """Register each agent, and look at its card again from time to time; a card that is refused changes nothing."""
    async with aiohttp.ClientSession(
        trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        await asyncio.gather(*(_keep(agent, registry, addresses, session, limits) for agent in agents))


async def _keep(
    agent: ForeignAgent, registry: Registry, addresses: AddressPolicy, session: aiohttp.ClientSession, limits: Limits
) -> None:
    known = b""
    while True:
        pause = limits.card_refresh
        try:
            addresses.check(agent.card)
            card = await fetch_card(session, agent.card, limits.card_seconds)
            if card != known:
                manifest, endpoints = read_foreign(card, agent.name, agent.reentrant)
                for endpoint in endpoints:
                    addresses.check(endpoint.url)
                await registry.register(
                    foreign_instance(manifest, endpoints, agent.card, labels=agent.labels), manifest
                )
                log.info("foreign_agent_registered", agent=manifest.agent, card=agent.card)
                known = card
        except MeshError as error:
            log.warning("foreign_agent_failed", card=agent.card, reason=error.message)
            pause = limits.card_retry
        await asyncio.sleep(pause)
