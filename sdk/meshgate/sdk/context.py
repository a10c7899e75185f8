"""The context of a skill: the call that it serves, and what it may do while it serves it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar, Unpack

from meshgate.a2a.errors import Unauthenticated
from meshgate.a2a.mesh import headers
from meshgate.a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    StreamResponse,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from meshgate.sdk.arguments import check_number
from meshgate.sdk.caller import Caller, caller_of
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.gather import Gathers
from meshgate.sdk.client.mesh import Mesh
from meshgate.sdk.client.request import CallArguments
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.usage import Usage
from meshgate.sdk.inbound_call import InboundCall
from meshgate.sdk.skills.content import data_part, raw_part, sendable, text_part
from meshgate.sdk.skills.media_types import media_type_of_other_data
from meshgate.sdk.skills.part_codec import PartCodec

__all__ = ["Context", "ContextAgent"]

_T = TypeVar("_T")
_PASSED_ON = (headers.LINEAGE, headers.TRACEPARENT, headers.TRACESTATE)


class ContextAgent(Protocol):
    """The part of an agent that contexts use."""

    def access(self) -> Access | None:
        """The agent's way into the mesh, or None before it has joined."""
        ...

    def mesh(self) -> Mesh:
        """The client that its skills share."""
        ...


class Context(Gathers):
    """The call that a skill serves.

    Made by the agent, one for each task. A skill takes it so: ``async def shorten(text: str, ctx: Context)``.

    Attributes:
        skill: the skill's name.
        task_id: the task's id, "" where the answer is a plain message.
        context_id: the conversation.
        cancelled: whether the work is to stop: its caller asked or left, its time is over, or the agent ends. An async
            skill is cancelled besides; a plain function looks here, and ends.
    """

    __slots__ = (
        "_agent",
        "_emit",
        "_gives",
        "_inbound",
        "_loop",
        "_timestamp",
        "_usage",
        "_wait",
        "_waiting",
        "cancelled",
        "context_id",
        "skill",
        "task_id",
    )

    def __init__(  # noqa: PLR0913 - what a call is, all but the first two by keyword
        self,
        agent: ContextAgent,
        inbound: InboundCall,
        *,
        skill: str,
        task_id: str,
        context_id: str,
        timestamp: Callable[[], str],
        emit: Callable[[StreamResponse], Awaitable[None]],
        wait: Callable[[StreamResponse], Awaitable[InboundCall]],
        gives: PartCodec | None = None,
    ) -> None:
        self.skill = skill
        self.task_id = task_id
        self.context_id = context_id
        self._agent = agent
        self._inbound = inbound
        self._timestamp = timestamp
        self._emit = emit
        self._wait = wait
        self._gives = gives
        self._usage: Usage | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self.cancelled = False

    def serve_as(self, skill: str, gives: PartCodec) -> None:
        """Become the context of another skill of the agent: for one that finds out which is meant."""
        self.skill, self._gives = skill, gives

    # -- the call

    @property
    def job(self) -> str:
        """The job's id; "" for a call that came past the gateway."""
        return self._inbound.received.get(headers.JOB, "")

    @property
    def call_id(self) -> str:
        """The call's id; "" for a call that came past the gateway."""
        return self._inbound.received.get(headers.CALL, "")

    @property
    def caller(self) -> Caller:
        """Who calls, as the gateway says; both names are "" for a call that came past it."""
        return caller_of(self._inbound.received)

    @property
    def memory_key(self) -> str:
        """What this agent may keep its memory of the conversation under: 32 hex digits of (tenant, caller, context).

        Two callers may choose the same context id. It is the same at every instance, and after a restart.
        """
        return self.caller.memory_key(self.context_id)

    @property
    def message(self) -> Message:
        """The caller's latest message."""
        return self._inbound.message

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the call, names in lower case."""
        return self._inbound.received

    def remaining(self) -> float:
        """Seconds that the caller still waits; infinity if it named no deadline."""
        return max(self._inbound.deadline - self._inbound.clock(), 0.0)

    @property
    def used(self) -> Usage | None:
        """The usage reported so far, or None."""
        return self._usage

    # -- progress, results and questions

    async def progress(self, text: str, fraction: float | None = None) -> None:
        """Tell those who watch the task how it goes.

        Args:
            fraction: how far it is, from 0 to 1.
        """
        if fraction is not None and not 0.0 <= fraction <= 1.0:
            raise ValueError(f"fraction is from 0 to 1, not {fraction!r}")
        metadata = {} if fraction is None else {headers.PROGRESS: fraction}
        await self._emit(self._status(TaskState.WORKING, text, metadata))

    async def artifact(
        self,
        name: str,
        content: object,
        *,
        media_type: str = "",
        append: bool = False,
        description: str = "",
    ) -> None:
        """Hand over a result before the skill ends.

        Args:
            name: the artifact's name; a second one of the same name replaces it, or continues it with ``append``.
            content: text, bytes, a ``Part``, or data: a pydantic model, a protobuf message, plain data. Where the skill
                has a contract, data of the type that it gives keeps it, and other data say that they do not.
        """
        codec = self._gives if self._gives is not None and self._gives.digest and not media_type else None
        if codec is not None and codec.accepts(content):
            parts = codec.write(content)
        else:
            parts = [_part(content, media_type or (media_type_of_other_data(content) if codec is not None else ""))]
        artifact = Artifact(artifact_id=name, parts=parts, name=name, description=description)
        update = TaskArtifactUpdateEvent(self.task_id, artifact, self.context_id, append=append)
        await self._emit(StreamResponse(artifact_update=update))

    def usage(
        self, *, input_tokens: int = 0, output_tokens: int = 0, cost_usd: float = 0.0, tool_calls: int = 0
    ) -> None:
        """Add to what this work took; it is reported with the last event, and shown in the job's tree and its trace.

        Budgets do not look at it: they count calls and time.
        """
        check_number("input_tokens", input_tokens)
        check_number("output_tokens", output_tokens)
        check_number("cost_usd", cost_usd)
        check_number("tool_calls", tool_calls)
        before = self._usage if self._usage is not None else Usage()
        self._usage = Usage(
            before.input_tokens + input_tokens,
            before.output_tokens + output_tokens,
            before.cost_usd + cost_usd,
            before.tool_calls + tool_calls,
        )

    async def ask(self, question: str) -> Message:
        """Ask the caller something and wait: the task is INPUT_REQUIRED until the caller answers with its id.

        Returns:
            The answer. From here on the context is that of the call that brought it (deadline, job, lineage).
        """
        self._inbound = await self._wait(self._status(TaskState.INPUT_REQUIRED, question, {}))
        return self._inbound.message

    def _status(self, state: TaskState, text: str, metadata: dict[str, Any]) -> StreamResponse:
        message = Message(
            message_id=secrets.token_hex(16),
            role=Role.AGENT,
            parts=[text_part(text)],
            context_id=self.context_id,
            task_id=self.task_id,
        )
        status = TaskStatus(state, message, self._timestamp())
        update = TaskStatusUpdateEvent(self.task_id, status, self.context_id, metadata=metadata)
        return StreamResponse(status_update=update)

    def run(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for what the context does, from a skill that is a plain function: ``ctx.run(ctx.call("writer", ...))``.

        Raises:
            TypeError: the skill is async: it awaits.
            concurrent.futures.CancelledError: the work was cancelled meanwhile.
        """
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise TypeError("ctx.run is for skills that are plain functions: write 'await' here")
        future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)
        self._waiting.add(future)
        if self.cancelled:
            future.cancel()
        try:
            return future.result()
        finally:
            self._waiting.discard(future)

    def cancel(self) -> None:
        """Tell the skill that its work is to stop. The agent does this."""
        self.cancelled = True
        for future in tuple(self._waiting):
            future.cancel()

    # -- calls of its own

    async def call(
        self,
        selector: str = "",
        *,
        wait: bool = True,
        return_immediately: bool = False,
        **arguments: Unpack[CallArguments],
    ) -> Result:
        """``Mesh.call`` as a child of this call: its lineage, its trace, at most its time left, the agent's own key.

        Raises:
            MeshError: as ``Mesh.call``; uncaught, it ends this task as FAILED with its text.
        """
        return await self._client().call(selector, wait=wait, return_immediately=return_immediately, **arguments)

    def stream(self, selector: str = "", **arguments: Unpack[CallArguments]) -> AsyncGenerator[Event, None]:
        """``Mesh.stream`` as a child of this call.

        Raises:
            MeshError: as ``Mesh.stream``.
        """
        return self._client().stream(selector, **arguments)

    def _client(self) -> Mesh:
        if self._agent.access() is None:
            raise Unauthenticated("this agent has not joined a mesh, so its skills cannot call into it")
        return self._agent.mesh()

    def access(self) -> Access | None:
        """The agent's own way into the mesh, or None before it has joined."""
        return self._agent.access()

    def outgoing(self) -> dict[str, str]:
        """The headers that make a call a child of this one."""
        received = self._inbound.received
        return {name: received[name] for name in _PASSED_ON if name in received}


async def _awaited(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


def _part(content: object, media_type: str) -> Part:
    if isinstance(content, Part):
        return sendable(content)
    if isinstance(content, str):
        return text_part(content, media_type)
    if isinstance(content, bytes | bytearray):
        return raw_part(bytes(content), media_type)
    return data_part(content, media_type)
