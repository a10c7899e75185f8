"""Opens the record of a call before anything can refuse it, and closes it however the call ends."""

from __future__ import annotations

import math

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import InternalError, MeshError
from meshgate.a2a.mesh.lineage import visit
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.gateway.facts import Arrived
from meshgate.gateway.observe.call_outcome import call_outcome
from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.records import Records
from meshgate.gateway.observe.usage_report import usage_after
from meshgate.telemetry.context import TraceContext

__all__ = ["Record"]

_NOT_SAID = Arrived()


class Record:
    """Keeps the record of each call. The chain tells it what the other policies found (``policy.Observer``)."""

    name = "record"

    def __init__(self, records: Records) -> None:
        self._records = records

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        binding = (call.fact(Arrived) or _NOT_SAID).binding
        record = self._records.open(call.id, call.method.name, binding, call.target.text if call.target else "")
        record.principal, record.tenant = call.principal.id, call.principal.tenant
        try:
            reply = await forward(call)
        except BaseException as error:
            self._close(record, error)
            raise

        def note(event: Payload) -> Payload:
            _note(record, event)
            return event

        def ended(outcome: Outcome) -> None:
            self._close(record, outcome.error, outcome.state)

        return reply.map(note).on_end(ended)

    def saw(self, call: Call, /) -> None:
        """Write what is known of the call so far into its record."""
        record = self._records.call(call.id)
        if record is None:
            return
        route = call.route
        if route is None or not record.job or record.version != route.version:
            self._note_caller(record, call)
            if route is not None:
                _note_route(record, call, route)

    def _note_caller(self, record: CallRecord, call: Call) -> None:
        lineage, trace = call.lineage, call.fact(TraceContext)
        record.principal, record.tenant = call.principal.id, call.principal.tenant
        if math.isfinite(call.deadline):
            record.deadline = call.deadline
        if call.target is not None:
            record.selector = call.target.text
        if lineage is not None and not record.job:
            record.parent, record.inferred, record.links = lineage.parent, lineage.inferred, lineage.links
            self._records.file(record, lineage.job)
        if trace is not None:
            record.trace_id, record.span_id, record.sampled = trace.trace_id, trace.span_id, trace.sampled

    def _close(self, record: CallRecord, error: BaseException | None, state: str = "failed") -> None:
        outcome, code, message = call_outcome(error, state), "", ""
        if isinstance(error, MeshError):
            code, message = error.code, error.message
        elif outcome == "failed":
            code, message = InternalError.code, InternalError.summary
        self._records.close(record, outcome, code, message)


def _note(record: CallRecord, event: Payload) -> None:
    task, state, metadata = task_event(event)
    if task:
        record.task, record.task_state = task, state
    if metadata or record.foreign:
        record.usage = usage_after(event, record.usage, foreign=record.foreign)


def _note_route(record: CallRecord, call: Call, route: Route) -> None:
    record.agent, record.skill, record.version, record.reason = route.agent, route.skill, route.version, route.reason
    record.foreign = route.foreign
    if call.lineage is not None:
        record.path = visit(call.lineage.path, route.agent, route.skill)
