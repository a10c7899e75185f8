"""Tracing: one span for each call, in the trace of its job, so that all hops of a job make one tree."""

from __future__ import annotations

from collections.abc import Awaitable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.gateway.facts import Arrived, Parents
from meshgate.gateway.observe.call_record import UsageReport
from meshgate.gateway.observe.usage_report import usage_after
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids, child, new_context
from meshgate.telemetry.sampler import Sampler
from meshgate.telemetry.traceparent import parse_traceparent
from meshgate.telemetry.tracing import Span, Tracing

__all__ = ["Trace"]


class Trace:
    """Decides whether to sample before any span object exists; the fact ``TraceContext`` carries the ids on.

    A call that belongs to a job joins that job's trace even if the agent between dropped every header. The chain tells
    the policy what the others found (``policy.Observer``), and the span gets it as attributes.
    """

    name = "trace"

    def __init__(self, tracing: Tracing, sampler: Sampler, ids: Ids) -> None:
        self._tracing = tracing
        self._sampler = sampler
        self._ids = ids
        self._open: dict[str, _OpenSpan] = {}

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        parent, context = self._place(call)
        call = call.with_fact(context)
        span = self._begin(call, parent, context) if context.sampled else None
        return forward(call) if span is None else self._traced(span, call, forward)

    async def _traced(self, span: Span, call: Call, forward: Handler) -> Reply:
        traced = self._open[call.id] = _OpenSpan(span, call)
        try:
            reply = await forward(call)
        except BaseException as error:
            self._end(traced, error)
            raise

        def ended(outcome: Outcome) -> None:
            self._end(traced, outcome.error)

        return reply.map(traced.note).on_end(ended)

    def saw(self, call: Call, /) -> None:
        """Keep what is known of the call so far, if it has a span."""
        if not self._open:
            return
        traced = self._open.get(call.id)
        # A refusal is reported from the innermost list outwards, and the outer lists know fewer facts: keep the first.
        if traced is not None and (call.route is not None or traced.call.route is None):
            traced.call = call

    def _begin(self, call: Call, parent: TraceContext | None, context: TraceContext) -> Span | None:
        arrived = call.fact(Arrived)
        binding = arrived.binding if arrived is not None else ""
        attributes = {semconv.METHOD: call.method.name, semconv.BINDING: binding, semconv.CALL: call.id}
        return self._tracing.begin(call.method.name, "server", parent, context, attributes)

    def _end(self, traced: _OpenSpan, error: BaseException | None) -> None:
        self._open.pop(traced.call.id, None)
        traced.end(error)

    def _place(self, call: Call) -> tuple[TraceContext | None, TraceContext]:
        sent = parse_traceparent(call.headers.get(headers.TRACEPARENT, ""), call.headers.get(headers.TRACESTATE, ""))
        parents = call.fact(Parents)
        flight = parents.parent if parents is not None else None
        if flight is not None and flight.trace_id and (sent is None or sent.trace_id != flight.trace_id):
            sent = TraceContext(flight.trace_id, flight.span_id, flight.sampled)
        if sent is None:
            return None, new_context(self._sampler.sample(None), self._ids)
        # Inside a job the sampling decision was made at its start. From outside, a set bit is only a request.
        inside = call.lineage is not None and call.lineage.parent != ""
        if inside:
            return sent, child(sent, self._ids)
        sampled = self._sampler.sample(sent)
        return sent, child(TraceContext(sent.trace_id, sent.span_id, sampled, sent.state), self._ids)


class _OpenSpan:
    """The span of an open call, and the values that its attributes are read from."""

    __slots__ = ("call", "span", "state", "task", "usage")

    def __init__(self, span: Span, call: Call) -> None:
        self.span = span
        self.call = call
        self.task = self.state = ""
        self.usage: UsageReport | None = None

    def note(self, event: Payload) -> Payload:
        """Read an event of the reply."""
        task, state, metadata = task_event(event)
        if task:
            self.task, self.state = task, state
        foreign = self.call.route is not None and self.call.route.foreign
        if metadata or foreign:
            self.usage = usage_after(event, self.usage, foreign=foreign)
        return event

    def end(self, error: BaseException | None) -> None:
        """Give the span its attributes, and end it."""
        self._name_route()
        self._name_ids()
        if error is None:
            self.span.end()
        else:
            self.span.end(getattr(error, "code", type(error).__name__), str(error))

    def _name_route(self) -> None:
        route, chosen = self.call.route, self.call.fact(Chosen)
        if route is not None:
            self.span.rename(semconv.span_name(self.call.method.name, route.agent, route.skill))
            self.span.set(semconv.AGENT_NAME, route.agent)
            self.span.set(semconv.AGENT_VERSION, route.version)
            self.span.set(semconv.SKILL, route.skill)
        if chosen is not None:
            self.span.set(semconv.INSTANCE, chosen.attempt.instance.id)
            self.span.set(semconv.REASON, chosen.reason)

    def _name_ids(self) -> None:
        lineage = self.call.lineage
        if lineage is not None:
            self.span.set(semconv.JOB, lineage.job)
            if lineage.inferred:
                self.span.set(semconv.INFERRED, lineage.inferred)
        if self.call.message_id:
            self.span.set(semconv.MESSAGE_ID, self.call.message_id)
        if self.call.context_id:
            self.span.set(semconv.CONVERSATION_ID, self.call.context_id)
        if self.task:
            self.span.set(semconv.TASK_ID, self.task)
            self.span.set(semconv.TASK_STATE, self.state)
        if self.usage is not None:
            self.span.set(semconv.COST_USD, self.usage.cost_usd)
            self.span.set(semconv.INPUT_TOKENS, self.usage.input_tokens)
            self.span.set(semconv.OUTPUT_TOKENS, self.usage.output_tokens)
