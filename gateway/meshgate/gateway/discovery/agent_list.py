"""What each caller may find: the agents that it may use, listed anew when the registry or the permissions change."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from meshgate.a2a.call import Principal
from meshgate.gateway.discovery.agent_entry import AgentEntry, entries_of
from meshgate.gateway.discovery.word_index import Ranking, SearchIndex
from meshgate.gateway.routing.routes import Routes

__all__ = ["AgentList", "Listed"]

_KEPT = 50_000
"""Entries that are kept, over all permissions."""


class Listed:
    """The agents that one caller may use.

    Attributes:
        entries: by name.
        by_identifier: the same, by identifier.
        index: the same, prepared for searches; None until there is one.
    """

    def __init__(self, entries: Sequence[AgentEntry], revisions: tuple[int, int]) -> None:
        self.entries, self.revisions = entries, revisions
        self.by_identifier = {entry.identifier: entry for entry in entries}
        self.index: SearchIndex | None = None


class AgentList:
    """Lists the agents that a caller may use, and prepares them for searches.

    Args:
        routes: knows what callers may use.
        domain: the publisher in identifiers.
        ranking: prepares the agents.
    """

    def __init__(self, routes: Routes, domain: str, ranking: Ranking) -> None:
        self._routes, self._domain, self._ranking = routes, domain, ranking
        self._lists: OrderedDict[Hashable, Listed] = OrderedDict()
        self._building = asyncio.Lock()

    def of(self, principal: Principal) -> Listed:
        """What this caller may use now. Callers with the same permissions share it."""
        key, revisions = self._routes.view(principal)
        found = self._lists.get(key)
        if found is None or found.revisions != revisions:
            entries = entries_of(self._routes.usable(principal), self._domain)
            found = self._lists[key] = Listed(entries, revisions)
        self._lists.move_to_end(key)
        while len(self._lists) > 1 and sum(len(one.entries) + 1 for one in self._lists.values()) > _KEPT:
            self._lists.popitem(last=False)
        return found

    async def index(self, principal: Principal) -> SearchIndex:
        """The same, prepared for searches: once for each state of the registry in which it is searched."""
        found = self.of(principal)
        if found.index is not None:
            return found.index
        async with self._building:
            return await self._prepared(found)

    async def _prepared(self, found: Listed) -> SearchIndex:
        # Another search may have prepared it while this one waited for its turn.
        if found.index is None:
            found.index = await self._ranking.index(found.entries)
        return found.index
