"""``ListTasks``: the caller's tasks, from what the gateways know of them, each read afresh at its agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.codec.timestamps import timestamp_of
from meshgate.a2a.errors import MeshError, NoRoute
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.lists.page_token import place_of
from meshgate.a2a.lists.task_list import USUAL_TASKS, ListTasksRequest, ListTasksResponse, earliest
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload, payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector
from meshgate.a2a.types import GetTaskRequest, TaskState
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.routing.resolve import target_of
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery, merged
from meshgate.gateway.tasks.page_token import page_tokens
from meshgate.gateway.tasks.task_index import TaskIndex

__all__ = ["ListTasks", "Others"]

_LIST, _GET = METHODS["ListTasks"], METHODS["GetTask"]
_AT_ONCE = 8
"""Tasks that are read at the same time."""


class Others(Protocol):
    """The indexes of the other gateways."""

    async def __call__(self, tenant: str, owner: str, query: TaskQuery) -> dict[str, KnownTasks | None]:
        """What each gateway knows of an owner's tasks, by its name; None of one that did not answer."""
        ...


class ListTasks:
    """Answers ``ListTasks``, and passes on all other calls.

    Of a task whose agent does not answer, the last known state is shown. A page ends early where its tasks are large.

    Args:
        index: what this gateway knows.
        others: what the other gateways know.
        read: takes a ``GetTask`` to the agent.
        rates: each page is one call to each agent that is read.
        now: monotonic seconds, for deadlines.
        limits: ``task_read``, ``task_page`` and ``peer_answer``.
    """

    name = "list_tasks"

    def __init__(
        self,
        index: TaskIndex,
        others: Others,
        routes: Routes,
        tasks: TaskOwner,
        read: Handler,
        rates: Rates,
        now: Callable[[], float],
        limits: Limits = DEFAULTS,
    ) -> None:
        self._index, self._others = index, others
        self._tags = index.tags
        self._routes, self._tasks = routes, tasks
        self._read, self._rates = read, rates
        self._now, self._limits = now, limits

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The page that a ``ListTasks`` asks for.

        Raises:
            NoRoute: the caller may use nothing of the name that it gave.
            InvalidParams: the page token is of another question, or the time is none.
            RateLimited: it asks too often.
        """
        return self._list(call) if call.method is _LIST else forward(call)

    async def _list(self, call: Call) -> Reply:
        request: ListTasksRequest = call.payload.view()
        tenant, owner = call.principal.tenant, self._tags.owner(call.principal.id)
        query = self._query(call, request)
        tokens = page_tokens(self._tags, tenant, query.digest(owner.hex()))
        last = tokens.read(request.page_token) if request.page_token else None
        known, silent = await self._known(tenant, owner, query)
        size = request.page_size or USUAL_TASKS
        rows = [row for row in known.rows if last is None or row.place > last]
        page = rows[:size]
        for agent in {row.agent for row in page} or {""}:
            self._rates.take(call.principal, agent)
        tasks, taken = await self._fresh(call, request, page, query)
        more = len(rows) > taken
        answer = {
            "tasks": tasks,
            "nextPageToken": tokens.make(page[taken - 1].place) if more else "",
            "pageSize": size,
            "totalSize": known.total,
        }
        said = {headers.CALL: call.id, headers.TASKS_SINCE: timestamp_of(known.since)}
        if silent:
            said[headers.PARTIAL] = ", ".join(f"gateway {headers.name_text(name)}" for name in silent)
        return Reply.one(JsonPayload(ListTasksResponse, answer), Head(said))

    def _query(self, call: Call, request: ListTasksRequest) -> TaskQuery:
        state = "" if request.status is TaskState.UNSPECIFIED else str(request.status)
        return TaskQuery(self._agents(call, target_of(call)), request.context_id, state, earliest(request))

    def _agents(self, call: Call, target: Selector | None) -> tuple[str, ...]:
        """The agents whose tasks are listed: those that the caller may use, and named if it did."""
        if target is None:
            return tuple(sorted({group.agent for group in self._routes.usable(call.principal)}))
        routes = self._routes.find(target, call.principal)
        if not routes:
            self._rates.take(call.principal, "")
            raise NoRoute(self._routes.names(call.principal).why_not(target, ""))
        return tuple(sorted({route.agent for route in routes}))

    async def _known(self, tenant: str, owner: bytes, query: TaskQuery) -> tuple[KnownTasks, list[str]]:
        others = await self._others(tenant, owner.hex(), query)
        answers = [each for each in others.values() if each is not None]
        silent = sorted(name for name, each in others.items() if each is None)
        return merged([self._index.of(tenant, owner, query), *answers]), silent

    # -- each task as it is now

    async def _fresh(
        self, call: Call, request: ListTasksRequest, page: list[KnownTask], query: TaskQuery
    ) -> tuple[list[dict[str, Any]], int]:
        """The tasks of a page as they are now, and how many of the page were taken before it became too large."""
        found: list[dict[str, Any]] = []
        taken = size = 0
        while taken < len(page) and (not found or size < self._limits.task_page):
            some = page[taken : taken + _AT_ONCE]
            trees = await asyncio.gather(*(self._one(call, request, row) for row in some))
            for tree in trees:
                size += len(msgspec.json.encode(tree))
                if found and size > self._limits.task_page:
                    break
                taken += 1
                # It may have gone on since it was heard of last.
                if query.state in ("", tree["status"]["state"]):
                    found.append(tree)
        found.sort(key=lambda tree: place_of(tree["status"]["timestamp"], tree["id"]))
        return found, taken

    async def _one(self, call: Call, request: ListTasksRequest, row: KnownTask) -> dict[str, Any]:
        asked = payload_of(GetTaskRequest(id=row.id, history_length=request.history_length))
        until = min(call.deadline, self._now() + self._limits.task_read)
        changes: dict[str, Any] = {"task_id": row.id, "context_id": "", "deadline": until, "target": None}
        get = msgspec.structs.replace(call, method=_GET, payload=asked, **changes)
        tree: dict[str, Any] = {
            "id": row.id,
            "status": {"state": row.state},
            **({"contextId": row.context} if row.context else {}),
        }
        with suppress(MeshError):
            reply = await self._read(self._tasks.route(get, None))
            tree = (await reply.answer()).tree()
        shown = {key: value for key, value in tree.items() if key != "artifacts" or request.include_artifacts}
        if not shown["status"].get("timestamp"):
            shown["status"] = {**shown["status"], "timestamp": row.timestamp}
        return shown
