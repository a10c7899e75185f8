"""The tasks that agents tell of themselves, each agent's in order, a page at a time as a list needs them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.codec.timestamps import seconds_of
from meshgate.a2a.errors import InvalidAgentResponse, MeshError
from meshgate.a2a.limits import Limits
from meshgate.a2a.lists.page_token import Place, place_text
from meshgate.a2a.lists.task_list import MOST_TOKEN, ListTasksRequest
from meshgate.a2a.payload import payload_of
from meshgate.a2a.selector import Selector
from meshgate.gateway.facts import ListBegin
from meshgate.gateway.routing.task_sources import AskedAgents, TaskSources
from meshgate.gateway.tasks.known_task import KnownTask

__all__ = ["AgentLists", "AgentPages", "ToldTask"]

_AT_ONCE = 8
"""Agents that are asked at the same time."""
_LEAST = 8
"""Tasks that an agent is asked for at least: most lists end with the first answers then."""
_EMPTY = 8
"""Pages without a task, one after the other, after which an agent that promises more is not asked again."""


class ToldTask(KnownTask, frozen=True):
    """A task that its agent listed."""

    tree: dict[str, Any]
    """The task, in its caller's ids."""


class AgentTasks:
    """The tasks of one agent's list that were told and are not shown yet."""

    def __init__(self, route: Route, begin: ListBegin) -> None:
        self.route, self.begin = route, begin
        self.tasks: deque[KnownTask] = deque()
        self.total = 0
        self.error: MeshError | None = None
        """Why the agent tells no more."""
        self._token = ""
        self._asked = False
        self._empty = 0

    @property
    def has_more(self) -> bool:
        """Whether the agent has tasks that it has not told yet."""
        return self.error is None and (not self._asked or bool(self._token))

    @property
    def is_dry(self) -> bool:
        """Whether it must be asked before anything that comes later in the list can be shown."""
        return not self.tasks and self.has_more

    def request(self, asked: ListTasksRequest, size: int) -> ListTasksRequest:
        """The request for the agent's next page, if it was asked for such a list."""
        return msgspec.structs.replace(asked, tenant="", page_size=size, page_token=self._token)

    def take(self, page: dict[str, Any]) -> None:
        """Take a page.

        Raises:
            InvalidAgentResponse: it cannot be followed by another one.
        """
        told = [_told(tree, self.route.agent) for tree in page["tasks"]]
        self._token = page["nextPageToken"]
        self._empty = 0 if told else self._empty + 1
        if len(self._token) > MOST_TOKEN or self._empty > _EMPTY:
            raise InvalidAgentResponse(f"{self.route.agent} lists tasks without end")
        if not self._asked:
            self.total = page["totalSize"]
        self._asked = True
        self.tasks += told


def _told(tree: dict[str, Any], agent: str) -> ToldTask:
    status = tree["status"]
    timestamp = status.get("timestamp", "")
    return ToldTask(
        tree["id"],
        agent,
        tree.get("contextId", ""),
        status["state"],
        timestamp,
        seconds_of(timestamp) or 0.0,
        tree,
    )


class AgentLists:
    """Asks agents for their callers' tasks.

    Args:
        sources: says which are asked.
        ask: takes a ``ListTasks`` to an agent.
        now: monotonic seconds.
        limits: ``task_read`` bounds the answers of each agent to one page, together.
    """

    def __init__(self, sources: TaskSources, ask: Handler, now: Callable[[], float], limits: Limits) -> None:
        self._sources, self._ask = sources, ask
        self._now, self._limits = now, limits

    def asked(self, agents: Iterable[str], tenant: str) -> AskedAgents:
        """Those of these agents that are asked."""
        return self._sources.of(agents, tenant)

    def begin(self, call: Call, routes: Sequence[Route], last: Place | None) -> AgentPages:
        """The lists of some agents for one page of a caller's; none is asked yet.

        Args:
            call: the caller's ``ListTasks``.
            last: the place behind which the page begins, or None.
        """
        until = min(call.deadline, self._now() + self._limits.task_read)
        lists = [AgentTasks(route, self._begin(route.agent, last)) for route in routes]
        return AgentPages(msgspec.structs.replace(call, deadline=until), lists, self._ask)

    def _begin(self, agent: str, last: Place | None) -> ListBegin:
        return ListBegin(place_text(self._sources.behind(agent, last) if last is not None else None))


class AgentPages:
    """The lists of several agents, as far as one page of a caller's needs them.

    Args:
        call: the caller's ``ListTasks``, with the deadline of the agents' answers.
        ask: takes one to an agent.
    """

    def __init__(self, call: Call, each: Sequence[AgentTasks], ask: Handler) -> None:
        self.each = each
        self._call, self._request = call, call.payload.view()
        self._ask = ask
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    @property
    def has_more(self) -> bool:
        """Whether there are tasks that were not taken."""
        return any(each.tasks or each.has_more for each in self.each)

    @property
    def total(self) -> int:
        """Tasks of all lists."""
        return sum(each.total for each in self.each)

    async def fill(self, size: int) -> None:
        """Ask those who must be asked before the next task can be shown.

        Args:
            size: tasks that are wanted of all together.
        """
        dry: list[AgentTasks] = [each for each in self.each if each.is_dry]
        while dry:
            # Twice the share of each: a list is seldom spread evenly.
            share = min(size, max(_LEAST, -(-2 * size // len(dry))))
            await asyncio.gather(*(self._fill(each, share) for each in dry))
            dry = [each for each in dry if each.is_dry]

    async def _fill(self, tasks: AgentTasks, size: int) -> None:
        async with self._at_once:
            try:
                reply = await self._ask(self._call_of(tasks, size))
                tasks.take((await reply.answer()).tree())
            except MeshError as error:
                tasks.error = error

    def _call_of(self, tasks: AgentTasks, size: int) -> Call:
        agent = tasks.route.agent
        return msgspec.structs.replace(
            self._call,
            payload=payload_of(tasks.request(self._request, size)),
            target=Selector(agent=agent, text=agent),
            route=tasks.route,
        ).with_fact(tasks.begin)

    @property
    def failed(self) -> dict[str, MeshError]:
        """The agents whose lists are not whole, and why."""
        return {each.route.agent: each.error for each in self.each if each.error is not None}
