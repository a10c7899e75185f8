"""Spans of an agent: one for each call that it serves, one for each call that it makes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids, child, new_context
from meshgate.telemetry.sampler import Sampler
from meshgate.telemetry.traceparent import format_traceparent, parse_traceparent
from meshgate.telemetry.tracing import AttributeValue, Span, Tracing

__all__ = ["Spans"]


class Spans:
    """Records the spans of an agent's or a client's calls.

    Args:
        tracing: where spans go.
        limits: how many traces a second this end may open itself.
        clock: monotonic seconds.
        rng: draws ids.
    """

    def __init__(
        self,
        tracing: Tracing,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.tracing = tracing
        self._ids = Ids(rng or random.Random())
        self._sampler = Sampler(limits.traces, clock, limits.traces_beyond)

    def _place(self, sent: Mapping[str, str]) -> tuple[TraceContext | None, TraceContext]:
        parent = parse_traceparent(sent.get(headers.TRACEPARENT, ""), sent.get(headers.TRACESTATE, ""))
        if parent is not None:
            return parent, child(parent, self._ids)
        return None, new_context(self._sampler.sample(None), self._ids)

    def serving(self, name: str, handler: Handler) -> Handler:
        """``handler``, with a span for each call; what it calls meanwhile hangs below that span."""

        async def traced(call: Call) -> Reply:
            parent, place = self._place(call.headers)
            call = msgspec.structs.replace(call, headers={**call.headers, **_sent(place)})
            named = semconv.span_name(call.method.name, name, call.headers.get(headers.SKILL, ""))
            span = self.tracing.begin(named, "server", parent, place, _attributes(name, call))
            try:
                with _active(place) if span is not None else nullcontext():
                    reply = await handler(call)
            except BaseException as error:
                _end(span, error)
                raise
            return reply if span is None else reply.on_end(_ender(span))

        return traced

    @contextmanager
    def calling(self, name: str, sent: dict[str, str]) -> Generator[None, None, None]:
        """A span around one request; its place replaces the one in ``sent``."""
        parent, place = self._place(sent)
        sent.update(_sent(place))
        span = self.tracing.begin(name, "client", parent, place, {semconv.METHOD: name})
        try:
            yield
        except BaseException as error:
            _end(span, error)
            raise
        else:
            _end(span, None)


def _sent(place: TraceContext) -> dict[str, str]:
    sent = {headers.TRACEPARENT: format_traceparent(place)}
    if place.state:
        sent[headers.TRACESTATE] = place.state
    return sent


def _attributes(name: str, call: Call) -> dict[str, AttributeValue]:
    found = {
        semconv.METHOD: call.method.name,
        semconv.AGENT_NAME: name,
        semconv.MESSAGE_ID: call.message_id,
        semconv.TASK_ID: call.task_id,
        semconv.CONVERSATION_ID: call.context_id,
        semconv.JOB: call.headers.get(headers.JOB, ""),
        semconv.CALL: call.headers.get(headers.CALL, ""),
        semconv.SKILL: call.headers.get(headers.SKILL, ""),
    }
    return {key: value for key, value in found.items() if value}


def _active(place: TraceContext) -> AbstractContextManager[None]:
    """Make spans of other libraries (frameworks, model clients) hang below this one, where OpenTelemetry is there."""
    try:
        from meshgate.telemetry.otlp import activate
    except ImportError:
        return nullcontext()
    return activate(place)


def _ender(span: Span) -> Callable[[Outcome], None]:
    def tell(outcome: Outcome) -> None:
        _end(span, outcome.error if outcome.state == "failed" else None)

    return tell


def _end(span: Span | None, error: BaseException | None) -> None:
    if span is None:
        return
    if error is None or isinstance(error, GeneratorExit):
        span.end()
    elif isinstance(error, MeshError):
        span.end(error.code, error.message)
    else:
        span.end(type(error).__name__)
