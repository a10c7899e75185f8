"""``ListTasks``: the caller's tasks, from the agents that list them, and of others from what the gateways know."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.codec.timestamps import seconds_of, timestamp_of
from meshgate.a2a.errors import NoRoute
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.lists.page_token import Place
from meshgate.a2a.lists.task_list import USUAL_TASKS, ListTasksRequest, ListTasksResponse, earliest
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector
from meshgate.a2a.types import TaskState
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.routing.agent_lists import AgentLists, AgentPages, ToldTask
from meshgate.gateway.routing.list_reader import ListReader
from meshgate.gateway.routing.resolve import target_of
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_sources import AskedAgents
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery, merged, place
from meshgate.gateway.tasks.page_token import page_tokens
from meshgate.gateway.tasks.task_index import TaskIndex

__all__ = ["ListTasks", "Others"]

_LIST = METHODS["ListTasks"]
_AT_ONCE = 8
"""Tasks that are read at the same time."""


class Others(Protocol):
    """The indexes of the other gateways."""

    async def __call__(self, tenant: str, owner: str, query: TaskQuery) -> dict[str, KnownTasks | None]:
        """What each gateway knows of an owner's tasks, by its name; None of one that did not answer."""
        ...


class _Known(msgspec.Struct):
    """What the gateways know of the tasks that no agent is asked for."""

    rows: deque[KnownTask]
    """Those behind the place where the page begins."""
    total: int
    since: float
    silent: list[str]
    """Names of gateways that did not answer."""


class ListTasks:
    """Answers ``ListTasks``, and passes on all other calls.

    A page is merged from the lists of the agents that are asked and the index of the gateways. Its token says one
    place, behind which each of them goes on: agents and gateways sort alike, so none has a position of its own, and one
    that comes later joins in. A page ends early where its tasks are large.

    Args:
        index: what this gateway knows.
        others: what the other gateways know.
        lists: what agents tell of themselves.
        reader: reads the tasks of a page.
        rates: each page is one call to each agent that is asked or read.
        limits: ``task_page``.
    """

    name = "list_tasks"

    def __init__(
        self,
        index: TaskIndex,
        others: Others,
        routes: Routes,
        lists: AgentLists,
        reader: ListReader,
        rates: Rates,
        limits: Limits = DEFAULTS,
    ) -> None:
        self._index, self._others = index, others
        self._tags = index.tags
        self._routes, self._lists = routes, lists
        self._reader, self._rates = reader, rates
        self._limits = limits

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The page that a ``ListTasks`` asks for.

        Raises:
            NoRoute: the caller may use nothing of the name that it gave.
            InvalidParams: the page token is of another question, or the time is none.
            RateLimited: it asks too often.
            MeshError: the agent that it names does not tell its tasks.
        """
        return self._list(call) if call.method is _LIST else forward(call)

    async def _list(self, call: Call) -> Reply:
        request: ListTasksRequest = call.payload.view()
        tenant, owner = call.principal.tenant, self._tags.owner(call.principal.id)
        target = target_of(call)
        query = self._query(call, request, target)
        tokens = page_tokens(self._tags, tenant, query.digest(owner.hex()))
        last = tokens.read(request.page_token) if request.page_token else None
        asked = self._lists.asked(query.agents, tenant)
        self._take_rates(call, {route.agent for route in asked.routes})
        size = request.page_size or USUAL_TASKS
        pages = self._lists.begin(call, asked.routes, last)
        known, _ = await asyncio.gather(self._known(tenant, owner, query, asked, last), pages.fill(size))
        page = await _page(known.rows, pages, size)
        if target is not None and target.agent:
            for error in pages.failed.values():
                raise error
        self._take_rates(call, {row.agent for row in page if not isinstance(row, ToldTask)}, paid=bool(asked.routes))
        tasks, taken = await self._fresh(call, request, page, query)
        more = len(page) > taken or bool(known.rows) or pages.has_more
        answer = {
            "tasks": tasks,
            "nextPageToken": tokens.make(max(row.place for row in page[:taken])) if more else "",
            "pageSize": size,
            "totalSize": known.total + pages.total,
        }
        return Reply.one(JsonPayload(ListTasksResponse, answer), Head(_said(call, known, pages)))

    def _take_rates(self, call: Call, agents: set[str], *, paid: bool = True) -> None:
        """Take one call to each of some agents; where none has been paid for, one to nobody."""
        for agent in agents or (set() if paid else {""}):
            self._rates.take(call.principal, agent)

    def _query(self, call: Call, request: ListTasksRequest, target: Selector | None) -> TaskQuery:
        state = "" if request.status is TaskState.UNSPECIFIED else str(request.status)
        return TaskQuery(self._agents(call, target), request.context_id, state, earliest(request))

    def _agents(self, call: Call, target: Selector | None) -> tuple[str, ...]:
        """The agents whose tasks are listed: those that the caller may use, and named if it did."""
        if target is None:
            return tuple(sorted({group.agent for group in self._routes.usable(call.principal)}))
        routes = self._routes.find(target, call.principal)
        if not routes:
            self._rates.take(call.principal, "")
            raise NoRoute(self._routes.names(call.principal).why_not(target, ""))
        return tuple(sorted({route.agent for route in routes}))

    async def _known(
        self, tenant: str, owner: bytes, query: TaskQuery, asked: AskedAgents, last: Place | None
    ) -> _Known:
        others = await self._others(tenant, owner.hex(), query)
        answers = [each for each in others.values() if each is not None]
        silent = sorted(name for name, each in others.items() if each is None)
        known = merged([self._index.of(tenant, owner, query), *answers])
        own = [row for row in known.rows if not asked.tell_of(row, self._tags)]
        rows = deque(row for row in own if last is None or row.place > last)
        return _Known(rows, known.total - len(known.rows) + len(own), known.since, silent)

    # -- each task as it is now

    async def _fresh(
        self, call: Call, request: ListTasksRequest, page: list[KnownTask], query: TaskQuery
    ) -> tuple[list[dict[str, Any]], int]:
        """The tasks of a page as they are now, and how many of the page were taken before it became too large."""
        found: list[dict[str, Any]] = []
        taken = size = 0
        while taken < len(page) and (not found or size < self._limits.task_page):
            some = page[taken : taken + _AT_ONCE]
            trees = await asyncio.gather(*(self._reader.task(call, request, row) for row in some))
            for tree in trees:
                size += len(msgspec.json.encode(tree))
                if found and size > self._limits.task_page:
                    break
                taken += 1
                # It may have gone on since it was heard of last.
                if query.state in ("", tree["status"]["state"]):
                    found.append(tree)
        found.sort(key=lambda tree: place(seconds_of(tree["status"]["timestamp"]) or 0.0, tree["id"]))
        return found, taken


async def _page(rows: deque[KnownTask], pages: AgentPages, size: int) -> list[KnownTask]:
    """The first tasks of all, taken from where they stand."""
    page: list[KnownTask] = []
    while len(page) < size:
        await pages.fill(size - len(page))
        heads = [some for some in (rows, *(each.tasks for each in pages.each)) if some]
        if not heads:
            break
        page.append(min(heads, key=lambda some: some[0].place).popleft())
    return page


def _said(call: Call, known: _Known, pages: AgentPages) -> dict[str, str]:
    said = {headers.CALL: call.id, headers.TASKS_SINCE: timestamp_of(known.since)}
    missing = [
        *(f"agent {headers.name_text(name)}" for name in sorted(pages.failed)),
        *(f"gateway {headers.name_text(name)}" for name in known.silent),
    ]
    if missing:
        said[headers.PARTIAL] = ", ".join(missing)
    return said
