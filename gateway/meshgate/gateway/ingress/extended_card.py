"""``GetExtendedAgentCard``: an agent's extended card, or the gateway's, as far as its caller may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec

from meshgate.a2a.bindings.table import GRPC_ROWS
from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.cards import MAX_CARD
from meshgate.a2a.errors import (
    ExtendedAgentCardNotConfigured,
    InvalidAgentResponse,
    InvalidParams,
    MethodNotFound,
    NoRoute,
    UnsupportedOperation,
)
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload, Payload, payload_of
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector
from meshgate.gateway.facts import Arrived
from meshgate.gateway.ingress.card_reader import CACHED, VARY, Reached, Shown
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.ingress.kept_cards import KeptCards
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.routing.resolve import target_of
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.upstream.reply_head import CACHE_CONTROL
from meshgate.registry.groups import ANY_SKILL

__all__ = ["ExtendedCards"]

_GET = METHODS["GetExtendedAgentCard"]
_UNKNOWN = Arrived()
_GRPC = frozenset(row.id for row in GRPC_ROWS)


class ExtendedCards:
    """Answers ``GetExtendedAgentCard``, and passes on all other calls.

    The card of an agent that has none of its own is its public one, with what this caller may use.

    Args:
        read: takes the question to the agent.
        rates: each card is one call to its agent.
    """

    name = "extended_card"

    def __init__(self, cards: Cards, kept: KeptCards, routes: Routes, read: Handler, rates: Rates) -> None:
        self._cards, self._kept = cards, kept
        self._routes, self._read, self._rates = routes, read, rates

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The card that a ``GetExtendedAgentCard`` asks for.

        Raises:
            NoRoute: the caller may use nothing of the name that it gave.
            UnsupportedOperation: the public card has all there is.
            ExtendedAgentCardNotConfigured: the agent has none after all, or no address for the card is known.
            RateLimited: it asks too often.
        """
        return self._card(call) if call.method is _GET else forward(call)

    async def _card(self, call: Call) -> Reply:
        target = target_of(call)
        shown = self._shown(call, target)
        own: Mapping[str, Any] = await self._own(call, shown) if shown is not None and shown.has_own else {}
        arrived = call.fact(Arrived) or _UNKNOWN
        grpc = arrived.binding in _GRPC
        reached = call.fact(Reached)
        tree = self._cards.extended(target, call.principal, shown, own, reached, arrived.version, grpc=grpc)
        if tree is None:
            raise ExtendedAgentCardNotConfigured("this gateway knows no address for the card: set base_url")
        said = {headers.CALL: call.id}
        if not grpc:
            said |= {CACHE_CONTROL: CACHED, "vary": VARY}
        return Reply.one(JsonPayload(AgentCard, tree), Head(said))

    def _shown(self, call: Call, target: Selector | None) -> Shown | None:
        """The agent whose card it is; None for the gateway itself."""
        caller = call.principal
        shown = self._cards.shown(target, [caller]) if target is not None else None
        self._rates.take(caller, shown.newest.instance.agent if shown is not None else "")
        if target is None:
            declared = self._cards.has_more
        elif shown is None:
            raise NoRoute(self._routes.names(caller).why_not(target, ""))
        else:
            declared = shown.more
        if not declared:
            raise UnsupportedOperation("there is no extended card: the card that is served has all there is")
        return shown

    # -- the agent's own

    async def _own(self, call: Call, shown: Shown) -> Mapping[str, Any]:
        found = self._kept.find(shown.newest, call.principal)
        if found is not None:
            return found
        manifest, instance = shown.newest.manifest, shown.newest.instance
        route = Route(
            instance.agent,
            ANY_SKILL,
            manifest.version,
            tuple(entry.instance.id for entry in shown.entries),
            "its extended card",
            tenant=instance.tenant,
            foreign=manifest.foreign,
        )
        # What a caller extends is its calls: a card that is kept is for others too.
        sent = {name: value for name, value in call.headers.items() if name != EXTENSIONS_HEADER}
        asked = payload_of(GetExtendedAgentCardRequest())
        get = msgspec.structs.replace(call, payload=asked, target=None, route=route, headers=sent)
        try:
            reply = await self._read(get)
            answer = await reply.map(_checked).answer()
        except (UnsupportedOperation, MethodNotFound):
            raise ExtendedAgentCardNotConfigured("the agent declares an extended card and has none") from None
        card = answer.tree()
        self._kept.keep(shown.newest, call.principal, card, reply.head.headers.get(CACHE_CONTROL, ""))
        return card


def _checked(answer: Payload) -> Payload:
    """An agent's card.

    Raises:
        InvalidAgentResponse: it is none, or too large.
    """
    try:
        answer.view()  # of protobuf nothing has been checked yet
    except InvalidParams as error:
        raise InvalidAgentResponse(f"the agent's AgentCard is not valid: {error.message}") from None
    if len(msgspec.json.encode(answer.tree())) > MAX_CARD:
        raise InvalidAgentResponse(f"the agent's card is larger than {MAX_CARD} bytes")
    return answer
