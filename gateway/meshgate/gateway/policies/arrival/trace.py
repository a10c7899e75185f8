"""One span for each call, in the trace of its job: caller → gateway → agent → gateway → agent is one tree."""

from __future__ import annotations

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.records import CallRecord
from meshgate.gateway.policies.arrival.lineage import Parents
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids, child, new_context
from meshgate.telemetry.sampler import Sampler
from meshgate.telemetry.traceparent import parse_traceparent
from meshgate.telemetry.tracing import Span, Tracing

__all__ = ["Trace"]


class Trace:
    """Decides whether to sample before any span object exists; the record carries the ids on.

    A call that belongs to a job joins that job's trace even if the agent between dropped every header.
    """

    name = "trace"

    def __init__(self, tracing: Tracing, sampler: Sampler, ids: Ids) -> None:
        self._tracing = tracing
        self._sampler = sampler
        self._ids = ids

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        record = call.fact(CallRecord)
        if record is None:
            return await forward(call)
        parent, context = self._place(call)
        record.trace_id, record.span_id, record.sampled = context.trace_id, context.span_id, context.sampled
        if not context.sampled:
            return await forward(call)
        attributes = {semconv.METHOD: call.method.name, semconv.BINDING: record.binding, semconv.CALL: call.id}
        span = self._tracing.begin(call.method.name, "server", parent, context, attributes)
        if span is None:
            return await forward(call)
        try:
            reply = await forward(call)
        except BaseException as error:
            _end(span, call, record, error)
            raise

        def ended(outcome: Outcome) -> None:
            _end(span, call, record, outcome.error)

        return reply.on_end(ended)

    def _place(self, call: Call) -> tuple[TraceContext | None, TraceContext]:
        sent = parse_traceparent(call.headers.get(headers.TRACEPARENT, ""), call.headers.get(headers.TRACESTATE, ""))
        parents = call.fact(Parents)
        flight = parents.parent if parents is not None else None
        if flight is not None and flight.trace_id and (sent is None or sent.trace_id != flight.trace_id):
            sent = TraceContext(flight.trace_id, flight.span_id, flight.sampled)
        if sent is None:
            return None, new_context(self._sampler.sample(None), self._ids)
        # Inside a job the decision was made at its start; from outside, a set bit is a wish.
        inside = call.lineage is not None and call.lineage.parent != ""
        if inside:
            return sent, child(sent, self._ids)
        sampled = self._sampler.sample(sent)
        return sent, child(TraceContext(sent.trace_id, sent.span_id, sampled, sent.state), self._ids)


def _end(span: Span, call: Call, record: CallRecord, error: BaseException | None) -> None:
    span.set(semconv.JOB, record.job)
    if record.agent:
        span.set(semconv.AGENT_NAME, record.agent)
        span.set(semconv.AGENT_VERSION, record.version)
        span.set(semconv.SKILL, record.skill)
    if record.instance:
        span.set(semconv.INSTANCE, record.instance)
        span.set(semconv.REASON, record.attempts[-1].reason if record.attempts else record.reason)
    if call.message_id:
        span.set(semconv.MESSAGE_ID, call.message_id)
    if record.task:
        span.set(semconv.TASK_ID, record.task)
        span.set(semconv.TASK_STATE, record.task_state)
    if call.context_id:
        span.set(semconv.CONVERSATION_ID, call.context_id)
    if record.inferred:
        span.set(semconv.INFERRED, record.inferred)
    if record.usage is not None:
        span.set(semconv.COST_USD, record.usage.cost_usd)
        span.set(semconv.INPUT_TOKENS, record.usage.input_tokens)
        span.set(semconv.OUTPUT_TOKENS, record.usage.output_tokens)
    if error is None:
        span.end()
    else:
        code = getattr(error, "code", type(error).__name__)
        span.end(code, str(error))
