"""The client: calls agents by name and by skill, through one or several gateways."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, Unpack

import httpx
import msgspec
from msgspec import UNSET

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.lists.task_list import ListTasksRequest, ListTasksResponse
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.types import (
    A2AMessage,
    CancelTaskRequest,
    GetTaskRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from meshgate.sdk.client.direct import DirectClient
from meshgate.sdk.client.discovery import find_gateway
from meshgate.sdk.client.follow import follow, is_open
from meshgate.sdk.client.gather import Gathers
from meshgate.sdk.client.request import CallArguments, check_arguments, headers_of, request_of
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.rpc import RpcClient, origin_of
from meshgate.sdk.client.task_errors import check_ended
from meshgate.sdk.spans import Spans

__all__ = ["Mesh"]

_SEND = METHODS["SendMessage"]


class Mesh(Gathers):
    """A client of the mesh::

        async with Mesh() as mesh:
            result = await mesh.call("summarise@^2", text="A long story.")

    Inside a skill its calls are children of the call that is being served, under the agent's own key and deadline.

    Args:
        urls: base URLs of gateways, best first; without any they are found (``MESHGATE_URL``, then ``run.json``).
        key: the key to call with; else ``MESHGATE_KEY``, then ``run.json``.
        transport: what carries the requests (an httpx transport), or a client of your own, which you close yourself.
        limits: sizes and times.
        spans: records a span for each call.
        environ: where to look for what was not given.
    """

    def __init__(
        self,
        urls: str | Sequence[str] | None = None,
        key: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
        limits: Limits = DEFAULTS,
        environ: Mapping[str, str] = os.environ,
        spans: Spans | None = None,
    ) -> None:
        self._rpc: RpcClient = RpcClient(
            lambda: find_gateway(urls, key, environ),
            inside=urls is None and key is None,
            transport=transport,
            limits=limits,
            spans=spans,
        )

    @classmethod
    def direct(
        cls,
        url: str,
        key: str = "",
        *,
        transport: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
        limits: Limits = DEFAULTS,
        spans: Spans | None = None,
    ) -> Self:
        """A client of one A2A server, without a gateway: any that speaks JSON-RPC or HTTP+JSON, of A2A 1.0 or 0.3::

            async with Mesh.direct("http://127.0.0.1:9000") as agent:
                result = await agent.call(text="A long story.")

        Calls name no selector. The agent's card is read before the first, and says how it is spoken to: 1.0 before 0.3,
        JSON-RPC before HTTP+JSON. What a gateway does is not there: no budget, no retries, no conversion of contracts.

        Args:
            url: the agent's, or its card's.
            key: sent as a bearer token, to the origin of ``url`` alone; none is looked for elsewhere.
            transport, limits, spans: see ``Mesh``.

        Raises:
            InvalidParams: ``url`` is no URL.
        """
        made = cls(url, key, transport=transport, limits=limits, spans=spans, environ={})
        made._rpc = DirectClient(url, key, transport=transport, limits=limits, spans=spans)
        return made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, unless they are those of a client that was given."""
        await self._rpc.aclose()

    # -- calls

    async def call(
        self,
        selector: str = "",
        *,
        wait: bool = True,
        return_immediately: bool = False,
        **arguments: Unpack[CallArguments],
    ) -> Result:
        """Call an agent (``"summariser"``) or a skill (``"summarise@^2,region=eu"``) and wait for the answer.

        Args:
            selector: what to call; it may be left out with a ``task_id``, which knows its own way.
            wait: follow a task that the agent answers with before it is done; False returns what came.
            return_immediately: ask the agent to answer while it still works on the task, and return that.
            arguments: see ``CallArguments``: text, data, contract, schema_version, raw, accept, message, skill,
                task_id, context_id, metadata, deadline, budget.

        Raises:
            TypeError: an argument is misspelt or of the wrong kind.
            TaskFailed, TaskRejected, TaskCancelled: the task ended without a result.
            UpstreamDeadline: the time is over; if its metadata name a ``task``, that goes on.
            MeshError: see ``meshgate.a2a.errors``.
        """
        check_arguments("call()", arguments)
        request = request_of(arguments, return_immediately=return_immediately)
        seconds = self._rpc.seconds(arguments.get("deadline"))
        ends = asyncio.get_running_loop().time() + seconds
        path = self._rpc.path(selector, arguments)
        answer, sent = await self._rpc.unary(_SEND, request, path, seconds, headers_of(arguments))
        view = answer.view()
        task = view.task if view.task is not UNSET else None
        if task is not None and wait and not return_immediately and is_open(task):
            task = await follow(self._rpc, task, ends)
        result = Result(
            task=task,
            message=view.message if view.message is not UNSET else None,
            **origin_of(sent),
        )
        if result.task is not None:
            check_ended(result.task.status, result.task, result.task.metadata, selector)
        return result

    def stream(self, selector: str = "", **arguments: Unpack[CallArguments]) -> AsyncGenerator[Event, None]:
        """Like ``call``, event by event as they come; an agent that does not stream gives one, its whole answer.

        Leaving the loop early leaves the task running; close the generator then (``contextlib.aclosing``), so that the
        connection is given back at once.

        Raises:
            TaskFailed, TaskRejected, TaskCancelled: after the event that says so.
            MeshError: see ``meshgate.a2a.errors``.
        """
        check_arguments("stream()", arguments)
        request = request_of(arguments)
        path, seconds = self._rpc.path(selector, arguments), self._rpc.seconds(arguments.get("deadline"))
        events = self._followed(self._rpc.stream(request, path, seconds, headers_of(arguments)), seconds)
        return _checked(events, selector)

    async def _followed(self, events: AsyncGenerator[Event, None], seconds: float) -> AsyncGenerator[Event, None]:
        """The events, and the task at its end where an agent that does not stream answered before that."""
        ends, last = asyncio.get_running_loop().time() + seconds, None
        async with aclosing(events):
            async for event in events:
                last = event
                yield event
        if last is not None and last.task is not None and is_open(last.task):
            task = await follow(self._rpc, last.task, ends)
            yield Event(raw=StreamResponse(task=task), job=last.job, call_id=last.call_id, instance=last.instance)

    # -- tasks

    async def task(self, task_id: str, *, history_length: int | None = None, deadline: float | None = None) -> Task:
        """The task as it stands, whatever its state.

        Raises:
            TaskNotFound: there is none, or it is not this key's.
        """
        request = GetTaskRequest(id=task_id, history_length=history_length)
        return await self._task(METHODS["GetTask"], request, deadline)

    async def tasks(
        self,
        agent: str = "",
        *,
        status: TaskState = TaskState.UNSPECIFIED,
        context_id: str = "",
        after: dt.datetime | None = None,
        history_length: int | None = None,
        artifacts: bool = False,
        page_size: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Task, None]:
        """This key's tasks, one by one, those whose state is the youngest first; a page is asked for when it is needed.

        Agents made with the SDK are asked for theirs. Of other agents a gateway knows the tasks that went through the
        gateways since they started, the latest ones, for an hour.

        Args:
            agent: an agent or a skill whose tasks are wanted; without it those of all that this key may call.
            status: the state that they are in.
            context_id: the conversation that they belong to.
            after: the time from which on they entered their state, with a time zone.
            history_length: most messages of a task's history.
            artifacts: whether tasks come with their artifacts.
            page_size: tasks of a page, from 1 to 100 (50 without it).
            deadline: seconds to wait for a page at most.

        Raises:
            ValueError: ``after`` has no time zone, or a number is out of range.
            NoRoute: no agent that this key may call has the name.
            MeshError: see ``meshgate.a2a.errors``.
        """
        request = ListTasksRequest(
            context_id=context_id,
            status=status,
            page_size=page_size,
            history_length=history_length,
            status_timestamp_after=_time(after) if after is not None else None,
            include_artifacts=artifacts or None,
        )
        path = self._rpc.path(agent, {}) if agent else "/"
        while True:
            answer, _ = await self._rpc.unary(METHODS["ListTasks"], request, path, self._rpc.seconds(deadline), {})
            page: ListTasksResponse = answer.view()
            for task in page.tasks:
                yield task
            if not page.next_page_token:
                return
            request = msgspec.structs.replace(request, page_token=page.next_page_token)

    async def cancel(self, task_id: str, *, deadline: float | None = None) -> Task:
        """Cancel the task; cancelling one that is cancelled changes nothing.

        Raises:
            TaskNotCancelable: it has ended otherwise.
            TaskNotFound: there is none, or it is not this key's.
        """
        return await self._task(METHODS["CancelTask"], CancelTaskRequest(id=task_id), deadline)

    def subscribe(self, task_id: str, *, deadline: float | None = None) -> AsyncGenerator[Event, None]:
        """The task as it stands, then every further event of it.

        Args:
            deadline: seconds to listen at most; without it, as long as there is something to hear.

        Raises:
            UnsupportedOperation: the task has ended: read it with ``task``.
            TaskFailed, TaskRejected, TaskCancelled: after the event that says so.
        """
        method, request = METHODS["SubscribeToTask"], SubscribeToTaskRequest(id=task_id)
        seconds = float("inf") if deadline is None else self._rpc.seconds(deadline)
        return _checked(self._rpc.events(method, request, "/", seconds, {}))

    async def _task(self, method: Method, request: A2AMessage, deadline: float | None) -> Task:
        answer, _ = await self._rpc.unary(method, request, "/", self._rpc.seconds(deadline), {})
        task: Task = answer.view()
        return task


def _time(moment: dt.datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("after needs a time zone: say which, such as datetime.now(UTC)")
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


async def _checked(events: AsyncGenerator[Event, None], target: str = "") -> AsyncGenerator[Event, None]:
    # An error that a task ended with is raised behind the event that says so: the reader gets both.
    async with aclosing(events):
        async for event in events:
            yield event
            if event.final and event.status is not None:
                check_ended(event.status, event.task, event.metadata, target)
