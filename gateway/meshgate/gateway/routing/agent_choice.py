"""The choice of an agent for a call by skill, where several agents offer the same version of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar

import msgspec

from meshgate.a2a.call import Call, Route
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply

__all__ = ["AgentChoice", "leaders"]

_KEPT = 10_000
"""Most conversations whose agent is remembered; the one that was used longest ago goes first."""
_KINDS = ("task", "message", "status_update", "artifact_update")


class Offered(Protocol):
    """One agent's version of a skill: a route, or a group of a selection."""

    @property
    def version(self) -> str:
        """The version of the skill."""
        ...

    @property
    def contract(self) -> str:
        """Digests of its contract; "" without one."""
        ...


_T = TypeVar("_T", bound=Offered)


def leaders(offered: Sequence[_T], usable: Callable[[_T], bool]) -> tuple[_T, list[_T], list[_T]]:
    """Who may take a call: the first that can answer (else the first), all of its version, and those alike to it.

    Agents are alike that offer one version of a skill under the same contract, or all without one.

    Args:
        offered: one or more, best first.
        usable: whether one takes calls now.
    """
    first = next((one for one in offered if usable(one)), offered[0])
    same = [one for one in offered if one.version == first.version]
    return first, same, [one for one in same if one.contract == first.contract]


class AgentChoice:
    """Chooses among agents that are alike (see ``leaders``).

    A conversation stays with its agent: the one that answered in it here, else the one that rendezvous hashing
    (Thaler and Ravishankar 1998) gives its context id, so that every gateway chooses alike. A call without a context
    id goes to the less loaded of two agents drawn at random.

    Args:
        usable: whether the agent of a route takes calls now.
        load: the cost of one more call on the best instance of a route.
        rng: draws the two agents.
        contexts: know which agent made a context.
    """

    def __init__(
        self,
        usable: Callable[[Route], bool],
        load: Callable[[Route], float],
        rng: random.Random,
        contexts: ContextTags,
    ) -> None:
        self._contexts = contexts
        self._usable = usable
        self._load = load
        self._rng = rng
        self._agents: dict[tuple[str, str, str], str] = {}

    def keepers(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes to the agent that made the call's context, as its id says; all of them if it is not among them."""
        context, principal = call.context_id, call.principal
        own = [
            route
            for route in routes
            if self._contexts.made_by(context, tenant=principal.tenant, owner=principal.id, agent=route.agent)
        ]
        return own or routes

    def choose(self, call: Call, alike: Sequence[Route]) -> tuple[Route, str]:
        """One of two or more routes, and by what it was chosen: "conversation" or "load"."""
        if call.context_id:
            agent = self._agents.get(_key(call, call.context_id), "")
            ordered = sorted(alike, key=lambda route: (route.agent != agent, _weight(call.context_id, route.agent)))
            return next((route for route in ordered if self._usable(route)), ordered[0]), "conversation"
        usable = [route for route in alike if self._usable(route)] or list(alike)
        if len(usable) > 2:
            usable = self._rng.sample(usable, 2)
        elif len(usable) == 2 and self._rng.random() < 0.5:
            usable.reverse()
        return min(usable, key=self._load), "load"

    def remember(self, call: Call, agent: str, reply: Reply) -> None:
        """Remember the agent of a conversation, once the first event of its reply names the context."""
        waiting = True

        def look(event: Payload) -> Payload:
            nonlocal waiting
            if waiting:
                waiting = False
                context = _context_of(event)
                if context:
                    self._keep(_key(call, context), agent)
            return event

        reply.map(look)

    def _keep(self, key: tuple[str, str, str], agent: str) -> None:
        self._agents.pop(key, None)
        self._agents[key] = agent
        if len(self._agents) > _KEPT:
            del self._agents[next(iter(self._agents))]


def _key(call: Call, context: str) -> tuple[str, str, str]:
    # Two callers may have chosen the same id.
    return call.principal.tenant, call.principal.id, context


def _weight(context: str, agent: str) -> bytes:
    return blake2b(f"{context}\n{agent}".encode(), digest_size=8).digest()


def _context_of(event: Payload) -> str:
    view = event.view()
    for kind in _KINDS:
        found = getattr(view, kind, msgspec.UNSET)
        if found is not msgspec.UNSET:
            return str(found.context_id)
    return ""
