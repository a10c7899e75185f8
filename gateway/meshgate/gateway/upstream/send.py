"""The last handler of the path: sends a call to the chosen instance, and reads the reply.

One protocol, ``Wire``; one implementation for each binding, and others for agents in the same process. This module has
what all of them share: the request is written from the checked payload, the gateway makes its headers, and ids are
translated in both directions (``ids``).
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from meshgate.a2a.bindings.table import Key, key_of
from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidAgentResponse, Killed, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh import headers as names
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.lineage import Lineage, visit
from meshgate.a2a.mesh.lineage_tokens import mint
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER, LEGACY_VERSION, protocol_headers
from meshgate.a2a.reply import Reply
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.ids import AttemptIds
from meshgate.gateway.upstream.instance import Access, Health, Instance
from meshgate.gateway.upstream.listed_ids import ListedIds
from meshgate.gateway.upstream.own_calls import OwnCalls
from meshgate.gateway.upstream.shared_streams import SharedStreams
from meshgate.gateway.upstream.snapshot import with_snapshot
from meshgate.gateway.upstream.task_stream import TaskStream
from meshgate.registry.model import Endpoint
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.traceparent import format_traceparent

__all__ = ["Egress", "Outbound", "Send", "Wire"]

log = structlog.get_logger(__name__)
_SUBSCRIBE = METHODS["SubscribeToTask"]
_LIST = METHODS["ListTasks"]


class Outbound(msgspec.Struct, frozen=True):
    """A call that is ready to be sent in one binding."""

    call: Call
    payload: Payload
    headers: dict[str, str]
    attempt: Attempt


class Wire(Protocol):
    """One binding's way to an agent."""

    async def send(self, out: Outbound) -> Reply:
        """The agent's reply, once its first event is known. Sets ``attempt.sent`` before the first byte can be sent,
        and ``attempt.heard`` whenever a byte arrives.

        Raises:
            MeshError: with ``unsent`` set if no byte was sent.
        """
        ...

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        """What becomes of a question to the agent's health route (or ``url``) within ``timeout`` seconds."""
        ...

    def forget(self, endpoint: Endpoint) -> None:
        """The instance at an address is gone: close what is kept open for it, once the calls under way have ended."""
        ...

    async def aclose(self) -> None:
        """Close connections. Several wires may share them, and then each is asked to."""
        ...


Egress = Callable[[Call], Awaitable[Reply]]


class Send:
    """The handler at the end of the path of a call.

    Args:
        wires: by binding.
        tags: translate the ids of tasks and contexts between client and agent.
        now: monotonic seconds. wall: seconds since the epoch, for the tokens that are minted.
        limits: ``cancel_seconds``, ``health_timeout`` and ``stream_linger``.
    """

    def __init__(
        self,
        wires: Mapping[Key, Wire],
        tags: TaskTags,
        mesh: MeshKey,
        now: Callable[[], float],
        metrics: Metrics,
        limits: Limits = DEFAULTS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wires = wires
        self._tags, self._contexts, self._labels = tags, ContextTags(tags), TaskLabels(tags)
        self._mesh = mesh
        self._now = now
        self._wall = wall
        self._metrics = metrics
        self._limits = limits
        self._shared = SharedStreams(limits)
        self._own = OwnCalls(self._send, now, limits.cancel_seconds)
        self._cancels: set[asyncio.Task[None]] = set()

    async def __call__(self, call: Call) -> Reply:
        """The agent's reply, in the client's ids."""
        chosen = call.fact(Chosen)
        if chosen is None:
            raise UpstreamUnavailable("no instance was chosen")
        attempt = chosen.attempt
        ids = self._ids(call, attempt)
        payload = _with_tenant(ids.request(call.payload), attempt.endpoint.tenant)
        out = Outbound(call, payload, self._headers(call, attempt), attempt)
        if attempt.instance.entry.manifest.lists_tasks:
            out.headers.update(ids.for_lists(self._labels))
        with attempt.guard():
            if attempt.instance.access is not None:
                out.headers.update(await attempt.instance.access.headers())
            reply = await self._reply(out, ids)
            if call.method.streaming and attempt.endpoint.version.startswith(LEGACY_VERSION):
                reply = await with_snapshot(reply, functools.partial(self._own.read, attempt))
        attempt.heard = self._now()
        return reply.map(functools.partial(self._event, ids)) if reply.unary else self._stream(reply, attempt, ids)

    def _reply(self, out: Outbound, ids: AttemptIds) -> Awaitable[Reply]:
        """The agent's reply; of a task that is watched here already, the stream that is open."""
        attempt, wire = out.attempt, self._wire(out.attempt)
        if out.call.method is not _SUBSCRIBE:
            return wire.send(out)

        def begin(own: Attempt) -> Awaitable[Reply]:
            return wire.send(msgspec.structs.replace(out, attempt=own))

        return self._shared.watch((attempt.instance.id, attempt.endpoint.url, ids.upstream), attempt, begin)

    def _ids(self, call: Call, attempt: Attempt) -> AttemptIds:
        if call.method is _LIST:
            return ListedIds(self._tags, self._contexts, call, attempt, self._labels, self._metrics.task_dropped)
        return AttemptIds(self._tags, self._contexts, call, attempt)

    def _event(self, ids: AttemptIds, event: Payload) -> Payload:
        if event.corrected:
            self._metrics.answer_corrected(ids.agent)
        return ids.event(event)

    def _stream(self, upstream: Reply, attempt: Attempt, ids: AttemptIds) -> Reply:
        ask = functools.partial(self.ask_health, timeout=self._limits.health_timeout)
        own = functools.partial(self._event, ids)
        events = TaskStream(upstream, attempt, own, ask, self._metrics, self._limits.stream_linger)
        reply = Reply(events, upstream.head)

        def mark(event: Payload) -> Payload:
            reply.rests = events.rests
            if events.ended:
                reply.finish()
            return event

        def ended(outcome: Outcome) -> None:
            if events.ended and outcome.error is None:
                self._spawn(events.finish())
            else:
                self._follow_up(ids, attempt, outcome.error)

        return reply.map(mark).on_end(ended)

    # -- the request

    def _headers(self, call: Call, attempt: Attempt) -> dict[str, str]:
        remaining = max(0.0, call.deadline - self._now())
        _, version = key_of(attempt.endpoint.binding, attempt.endpoint.version)
        sent = protocol_headers(version, call.headers.get(EXTENSIONS_HEADER))
        sent[names.CALL], sent[names.DEADLINE] = call.id, names.deadline_text(remaining)
        if attempt.instance.secret:
            sent["authorization"] = f"Bearer {attempt.instance.secret}"
        manifest, principal = attempt.instance.entry.manifest, call.principal
        if manifest.tell_caller or not manifest.foreign:
            sent[names.PRINCIPAL], sent[names.TENANT] = names.name_text(principal.id), names.name_text(principal.tenant)
        trace, route, lineage = call.fact(TraceContext), call.route, call.lineage
        if trace is not None:
            sent[names.TRACEPARENT] = format_traceparent(trace)
            if trace.state:
                sent[names.TRACESTATE] = trace.state
        if route is not None and lineage is not None:
            sent[names.SKILL] = route.skill
            sent[names.JOB] = lineage.job
            path = visit(lineage.path, route.agent, route.skill)
            audience = in_tenant(call.principal.tenant, route.agent)
            child = Lineage(lineage.job, call.id, path, remaining, audience, minted=self._wall())
            sent[names.LINEAGE] = mint(child, self._mesh.secret, self._mesh.id)
        return sent

    # -- the end of an attempt

    def _follow_up(self, ids: AttemptIds, attempt: Attempt, error: BaseException | None) -> None:
        # A caller that leaves only detaches; a deadline or an operator ends the work itself (section 3.1.5:
        # CancelTask).
        # Who only watches a task does not end it, and an instance that is silent may still finish.
        late = isinstance(error, UpstreamDeadline) and not attempt.call.method.safe
        if error is attempt.aborted and ids.upstream and (late or isinstance(error, Killed)):
            self._spawn(self._own.cancel(attempt, ids.upstream))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def _send(self, call: Call, attempt: Attempt) -> Reply:
        """Send a call that has the agent's ids already."""
        wire, endpoint = self._wire(attempt), attempt.endpoint
        headers = self._headers(call, attempt)
        if attempt.instance.access is not None:
            headers.update(await attempt.instance.access.headers())
        return await wire.send(Outbound(call, _with_tenant(call.payload, endpoint.tenant), headers, attempt))

    def _wire(self, attempt: Attempt) -> Wire:
        return self._wires[key_of(attempt.endpoint.binding, attempt.endpoint.version)]

    async def ask_health(self, instance: Instance, timeout: float) -> Health:
        """Ask the instance's health route."""
        check = instance.entry.instance.check
        for endpoint in instance.entry.instance.endpoints:
            wire = self._wires.get(key_of(endpoint.binding, endpoint.version))
            if wire is not None:
                found = await wire.health(endpoint, check.url if check is not None else None, timeout, instance.access)
                # If it left meanwhile, this check may have opened a connection that nobody else will close.
                if not instance.listed:
                    wire.forget(endpoint)
                return found
        return Health.FAILED

    def forget(self, instance: Instance) -> None:
        """Close what is kept open for an instance that is gone."""
        for endpoint in instance.entry.instance.endpoints:
            wire = self._wires.get(key_of(endpoint.binding, endpoint.version))
            if wire is not None:
                wire.forget(endpoint)

    async def aclose(self) -> None:
        """Close all connections."""
        for task in list(self._cancels):
            task.cancel()
        for wire in self._wires.values():
            await wire.aclose()


def _with_tenant(payload: Payload, tenant: str) -> Payload:
    """The payload with the routing label of the agent's address; the caller's label was for the gateway."""
    if payload.label == tenant:
        return payload
    if isinstance(payload, ProtoPayload):
        message: Any = type(payload.message)()
        message.CopyFrom(payload.message)
        message.tenant = tenant
        return ProtoPayload(payload.kind, message)
    tree = {key: value for key, value in payload.tree().items() if key != "tenant"}
    return JsonPayload(payload.kind, {**tree, "tenant": tenant} if tenant else tree)


async def guarded(attempt: Attempt, events: AsyncIterator[Payload], now: Callable[[], float]) -> AsyncIterator[Payload]:
    """``events``, each awaited so that ``attempt.abort`` ends the wait, and noted as heard."""
    while True:
        with attempt.guard():
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
        attempt.heard = now()
        yield event


async def streamed(
    attempt: Attempt,
    events: AsyncIterator[Payload],
    now: Callable[[], float],
    close: Callable[[], Awaitable[None]],
) -> Reply:
    """The reply of a stream, once its first event is known.

    Raises:
        InvalidAgentResponse: the stream ended without an event.
    """
    try:
        first = await anext(events)
    except StopAsyncIteration:
        raise InvalidAgentResponse("the agent ended its stream without an event") from None

    async def all_events() -> AsyncIterator[Payload]:
        yield first
        async for event in guarded(attempt, events, now):
            yield event

    return Reply(all_events(), close=close)
