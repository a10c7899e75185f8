"""The client: calls agents by name and by skill, through one or several gateways."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, Unpack

import httpx
from msgspec import UNSET

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.types import (
    A2AMessage,
    CancelTaskRequest,
    GetTaskRequest,
    SubscribeToTaskRequest,
    Task,
)
from meshgate.sdk.client.discovery import find_gateway
from meshgate.sdk.client.request import CallArguments, headers_of, path_of, request_of
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.rpc import RpcClient, origin_of
from meshgate.sdk.client.task_errors import check_ended
from meshgate.sdk.spans import Spans

__all__ = ["Mesh"]

_SEND, _STREAM = METHODS["SendMessage"], METHODS["SendStreamingMessage"]


class Mesh:
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
        self._rpc = RpcClient(
            lambda: find_gateway(urls, key, environ),
            inside=urls is None and key is None,
            transport=transport,
            limits=limits,
            spans=spans,
        )

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
        self, selector: str = "", *, return_immediately: bool = False, **arguments: Unpack[CallArguments]
    ) -> Result:
        """Call an agent (``"summariser"``) or a skill (``"summarise@^2,region=eu"``) and wait for the answer.

        Args:
            selector: what to call; it may be left out with a ``task_id``, which knows its own way.
            return_immediately: come back with the task while it is still worked on.
            arguments: see ``CallArguments``: text, data, contract, schema_version, raw, accept, message, skill,
                task_id, context_id, metadata, deadline, budget.

        Raises:
            TaskFailed, TaskRejected, TaskCancelled: the task ended without a result.
            MeshError: see ``meshgate.a2a.errors``.
        """
        request = request_of(arguments, return_immediately=return_immediately)
        answer, sent = await self._rpc.unary(
            _SEND,
            request,
            path_of(selector, arguments),
            self._rpc.seconds(arguments.get("deadline")),
            headers_of(arguments),
        )
        view = answer.view()
        result = Result(
            task=view.task if view.task is not UNSET else None,
            message=view.message if view.message is not UNSET else None,
            **origin_of(sent),
        )
        if result.task is not None:
            check_ended(result.task.status, result.task)
        return result

    def stream(self, selector: str = "", **arguments: Unpack[CallArguments]) -> AsyncGenerator[Event, None]:
        """Like ``call``, event by event as they come. Leaving the loop early leaves the task running; close the
        generator then (``contextlib.aclosing``), so that the connection is given back at once.

        Raises:
            TaskFailed, TaskRejected, TaskCancelled: after the event that says so.
            MeshError: see ``meshgate.a2a.errors``.
        """
        request = request_of(arguments)
        path, seconds = path_of(selector, arguments), self._rpc.seconds(arguments.get("deadline"))
        return _checked(self._rpc.events(_STREAM, request, path, seconds, headers_of(arguments)))

    # -- tasks

    async def task(self, task_id: str, *, history_length: int | None = None, deadline: float | None = None) -> Task:
        """The task as it stands, whatever its state.

        Raises:
            TaskNotFound: there is none, or it is not this key's.
        """
        request = GetTaskRequest(id=task_id, history_length=history_length)
        return await self._task(METHODS["GetTask"], request, deadline)

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


async def _checked(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    # An error that a task ended with is raised behind the event that says so: the reader gets both.
    async with aclosing(events):
        async for event in events:
            yield event
            if event.final and event.status is not None:
                check_ended(event.status, event.task)
