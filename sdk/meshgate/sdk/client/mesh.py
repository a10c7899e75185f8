"""The client: calls agents by name and by skill, through one or several gateways."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from types import TracebackType
from typing import Self, Unpack

import httpx
from msgspec import UNSET

from meshgate.a2a import errors, payload
from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.errors import InvalidAgentResponse, MeshError, OutcomeUnknown, UpstreamDeadline
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.a2a.types import (
    A2AMessage,
    CancelTaskRequest,
    GetTaskRequest,
    SubscribeToTaskRequest,
    Task,
)
from meshgate.sdk.client.discovery import Access, find_gateway
from meshgate.sdk.client.request import CallArguments, headers_of, path_of, request_of
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.sender import Sender, make_client, read_body
from meshgate.sdk.client.task_errors import check_ended
from meshgate.sdk.current import CURRENT
from meshgate.sdk.skills.deprecation import warn_once
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
        self._urls, self._key, self._environ = urls, key, environ
        self._limits = limits
        self._spans = spans
        self._transport = transport
        self._sender: Sender | None = None
        self._found: Access | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, unless they are those of a client that was given."""
        if self._sender is not None and not isinstance(self._transport, httpx.AsyncClient):
            await self._sender.client.aclose()
        self._sender = None

    # -- calls

    async def call(
        self, selector: str = "", *, return_immediately: bool = False, **arguments: Unpack[CallArguments]
    ) -> Result:
        """Call an agent (``"summariser"``) or a skill (``"summarise@^2,region=eu"``) and wait for the answer.

        Args:
            selector: what to call; it may be left out with a ``task_id``, which knows its own way.
            return_immediately: come back with the task while it is still worked on.
            arguments: see ``CallArguments``: text, data, contract, schema_version, raw, accept, message, skill, task_id,
                context_id, metadata, deadline, budget.

        Raises:
            TaskFailed, TaskRejected, TaskCancelled: the task ended without a result.
            MeshError: see ``meshgate.a2a.errors``.
        """
        request = request_of(arguments, return_immediately=return_immediately)
        answer, sent = await self._unary(
            _SEND,
            request,
            path_of(selector, arguments),
            self._seconds(arguments.get("deadline")),
            headers_of(arguments),
        )
        view = answer.view()
        result = Result(
            task=view.task if view.task is not UNSET else None,
            message=view.message if view.message is not UNSET else None,
            **_origin(sent),
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
        path, seconds = path_of(selector, arguments), self._seconds(arguments.get("deadline"))
        return self._checked(self._events(_STREAM, request, path, seconds, headers_of(arguments)))

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
        seconds = float("inf") if deadline is None else self._seconds(deadline)
        return self._checked(self._events(method, request, "/", seconds, {}))

    async def _task(self, method: Method, request: A2AMessage, deadline: float | None) -> Task:
        answer, _ = await self._unary(method, request, "/", self._seconds(deadline), {})
        task: Task = answer.view()
        return task

    # -- the way there

    def _seconds(self, deadline: float | None) -> float:
        serving = CURRENT.get()
        seconds = self._limits.deadline if deadline is None else deadline
        if serving is not None:
            # Without a deadline of its own a child may take what its parent has left.
            left = serving.remaining()
            seconds = left if deadline is None and left != float("inf") else min(seconds, left)
        if seconds <= 0.0:
            raise UpstreamDeadline("the time for this call was over before it was sent", unsent=True)
        return seconds

    def _access(self) -> Access:
        if self._urls is None and self._key is None:
            serving = CURRENT.get()
            if serving is not None:
                own = serving.access()
                if own is None:
                    raise errors.Unauthenticated("this agent has not joined a mesh, so its skills cannot call into it")
                return own
        if self._found is None:
            self._found = find_gateway(self._urls, self._key, self._environ)
        return self._found

    def _headers(self, access: Access, seconds: float, more: Mapping[str, str]) -> dict[str, str]:
        serving = CURRENT.get()
        sent = {} if serving is None else serving.outgoing()
        sent["authorization"] = f"Bearer {access.key}"
        sent["content-type"] = "application/json"
        sent["a2a-version"] = PROTOCOL_VERSION
        if seconds != float("inf"):
            sent[headers.DEADLINE] = headers.deadline_text(max(seconds, 0.001))
        sent.update(more)
        return sent

    def _sending(self) -> Sender:
        if self._sender is None:
            given = self._transport
            self._sender = Sender(given if isinstance(given, httpx.AsyncClient) else make_client(given, self._limits))
        return self._sender

    def _span(self, method: Method, sent: dict[str, str]) -> AbstractContextManager[None]:
        return self._spans.calling(method.name, sent) if self._spans is not None else nullcontext()

    @asynccontextmanager
    async def _post(
        self, method: Method, request: A2AMessage, path: str, rpc_id: str, seconds: float, more: Mapping[str, str]
    ) -> AsyncGenerator[httpx.Response, None]:
        access = self._access()
        body = jsonrpc.encode_call(method, payload.of(request), rpc_id)
        sent = self._headers(access, seconds, more)
        with self._span(method, sent):
            async with self._sending().post(access.urls, path, body, sent, safe=method.safe) as response:
                warn_once(path, response.headers.get(headers.DEPRECATED, ""))
                yield response

    async def _unary(
        self, method: Method, request: A2AMessage, path: str, seconds: float, more: Mapping[str, str]
    ) -> tuple[Payload, httpx.Headers]:
        rpc_id = secrets.token_hex(4)
        waits = seconds + self._limits.grace
        try:
            async with (
                asyncio.timeout(waits),
                self._post(method, request, path, rpc_id, seconds, more) as response,
            ):
                body = await read_body(response, self._limits.answer, waits)
                return _answer(response, body, method, rpc_id), response.headers
        except TimeoutError:
            raise UpstreamDeadline(f"there was no answer within {seconds:g} s") from None

    async def _checked(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        async with aclosing(events):
            async for event in events:
                yield event
                if event.final and event.status is not None:
                    check_ended(event.status, event.task)

    async def _events(
        self, method: Method, request: A2AMessage, path: str, seconds: float, more: Mapping[str, str]
    ) -> AsyncGenerator[Event, None]:
        rpc_id = secrets.token_hex(4)
        ends = asyncio.get_running_loop().time() + seconds + self._limits.grace
        task_id = ""
        async with self._post(method, request, path, rpc_id, seconds, more) as response:
            if response.headers.get("content-type", "").partition(";")[0].strip() != "text/event-stream":
                body = await read_body(response, self._limits.answer, self._limits.stream_silence)
                _answer(response, body, method, rpc_id)
                raise InvalidAgentResponse("a stream was asked for, and one answer came")
            origin = _origin(response.headers)
            async for data in self._lines(response, ends):
                event = Event(raw=jsonrpc.decode_answer(data, method, rpc_id, peer="mesh").view(), **origin)
                task_id = event.task_id or task_id
                yield event
                if event.final and method is _STREAM:
                    return
            if method is _STREAM:
                raise OutcomeUnknown(_broken(task_id), metadata={"task": task_id} if task_id else None)

    async def _lines(self, response: httpx.Response, ends: float) -> AsyncGenerator[bytes, None]:
        parser = SseParser(self._limits.event)
        chunks = response.aiter_bytes()
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(min(self._limits.stream_silence, ends - loop.time())):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if loop.time() >= ends:
                    raise UpstreamDeadline("the call's deadline has passed") from None
                raise OutcomeUnknown(f"the stream was silent for {self._limits.stream_silence:g} s") from None
            except httpx.TransportError:
                raise OutcomeUnknown("the connection broke in the middle of the stream") from None
            for data in parser.feed(chunk):
                yield data


def _broken(task_id: str) -> str:
    goes_on = ": it goes on, and 'subscribe' with its id follows it again" if task_id else ""
    return "the stream ended before its task did" + goes_on


def _origin(sent: httpx.Headers) -> dict[str, str]:
    return {
        "job": sent.get(headers.JOB, ""),
        "call_id": sent.get(headers.CALL, ""),
        "instance": sent.get(headers.INSTANCE, ""),
    }


_BY_STATUS: dict[int, type[MeshError]] = {
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NoRoute,
    413: errors.BodyTooLarge,
    429: errors.RateLimited,
}


def _answer(response: httpx.Response, body: bytes, method: Method, rpc_id: str) -> Payload:
    """The event in an answer; an answer that no gateway wrote is told by its HTTP status alone."""
    try:
        return jsonrpc.decode_answer(body, method, rpc_id, peer="mesh")
    except InvalidAgentResponse:
        if response.status_code == 200:
            raise
    status = response.status_code
    cls = _BY_STATUS.get(status, errors.UpstreamUnavailable if status >= 500 else InvalidAgentResponse)
    raise cls(f"{response.url.host} answered with HTTP status {status}, which is no answer of a gateway")
