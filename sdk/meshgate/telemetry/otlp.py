"""Spans as OpenTelemetry's, sent to a collector over OTLP/gRPC. Needs the extra ``otel``.

A span is made from ids that are already known, so it is no SDK span that begins and draws its own: it is a plain object
that becomes a ``ReadableSpan`` when it ends, and goes to the provider's span processor. Processors see ``on_end`` only.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import grpc.aio
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.tracing import AttributeValue, Kind, Span

__all__ = ["OtelTracing", "activate", "configure", "instrument_third_party_grpc"]

SCOPE = "meshgate"
_KINDS: dict[str, SpanKind] = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_SAMPLED, _UNSAMPLED = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)
_NO_STATE = TraceState()
_UNSET = Status(StatusCode.UNSET)


@lru_cache(256)
def _state(text: str) -> TraceState:
    return TraceState.from_header([text])


def _span_context(context: TraceContext, remote: bool) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        remote,
        _SAMPLED if context.sampled else _UNSAMPLED,
        _state(context.state) if context.state else _NO_STATE,
    )


def _text(value: str, longest: int) -> str:
    if len(value) > longest:
        value = value[:longest]
    # A lone surrogate would make the exporter lose the whole batch.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


class OtelTracing:
    """Hands spans to the processor of an OpenTelemetry provider. Keeps nothing if ``OTEL_SDK_DISABLED`` is set.

    Args:
        provider: whose resource and span processors are used. It is shut down by ``close``.
        limits: how much a span holds, and how long ``close`` waits.
        clock: nanoseconds since the epoch.
        cut: ends an export that is in progress, so that a dead collector does not hold up ``close``.
    """

    def __init__(
        self,
        provider: TracerProvider,
        *,
        limits: Limits = DEFAULTS,
        clock: Callable[[], int] = time.time_ns,
        cut: Callable[[], None] | None = None,
    ) -> None:
        self.provider = provider
        tracer = provider.get_tracer(SCOPE)
        self._on_end = tracer.span_processor.on_end if isinstance(tracer, Tracer) else None
        self._resource = provider.resource
        self._scope = InstrumentationScope(SCOPE)
        self._limits, self._clock, self._cut = limits, clock, cut

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        context: TraceContext,
        attributes: Mapping[str, AttributeValue],
        /,
    ) -> Span | None:
        """See ``Tracing``."""
        if not context.sampled or self._on_end is None:
            return None
        span = _OtelSpan(self._finish, self._limits, name, kind, parent, context, self._clock())
        for key, value in attributes.items():
            span.set(key, value)
        return span

    def _finish(self, span: _OtelSpan, status: Status) -> None:
        assert self._on_end is not None  # noqa: S101 - there are no spans without it
        parent = span.parent
        self._on_end(
            ReadableSpan(
                name=_text(span.name, self._limits.span_text),
                context=_span_context(span.context, remote=False),
                parent=_span_context(parent, remote=span.kind == "server") if parent is not None else None,
                resource=self._resource,
                attributes=span.attributes,
                links=span.links,
                kind=_KINDS[span.kind],
                status=status,
                start_time=span.start,
                end_time=max(span.start, self._clock()),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """See ``Tracing``. What could not be sent in ``Limits.span_close`` seconds is lost."""
        # The processor's own shutdown waits up to 30 s for an export that hangs.
        stopping = threading.Thread(target=self.provider.shutdown, name="meshgate-tracing-close", daemon=True)
        stopping.start()
        stopping.join(self._limits.span_close * 0.75)
        if stopping.is_alive() and self._cut is not None:
            self._cut()
            stopping.join(self._limits.span_close * 0.25)


class _OtelSpan:
    __slots__ = ("_finish", "_limits", "attributes", "context", "kind", "links", "name", "parent", "start")

    def __init__(
        self,
        finish: Callable[[_OtelSpan, Status], None],
        limits: Limits,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        context: TraceContext,
        start: int,
    ) -> None:
        self._finish: Callable[[_OtelSpan, Status], None] | None = finish
        self._limits = limits
        self.name, self.kind, self.parent, self.context, self.start = name, kind, parent, context, start
        self.attributes: dict[str, AttributeValue] = {}
        self.links: list[Link] | tuple[()] = ()

    def set(self, key: str, value: AttributeValue) -> None:
        limits = self._limits
        if isinstance(value, str):
            value = _text(value, limits.span_text)
        elif not isinstance(value, int | float):
            value = [_text(item, limits.span_text) for item in value[: limits.span_items]]
        if len(self.attributes) < limits.span_items or key in self.attributes:
            self.attributes[key] = value

    def rename(self, name: str) -> None:
        self.name = _text(name, self._limits.span_text)

    def link(self, context: TraceContext) -> None:
        if len(self.links) < self._limits.span_items:
            self.links = [*self.links, Link(_span_context(context, remote=True))]

    def end(self, error_type: str | None = None, message: str = "") -> None:
        finish, self._finish = self._finish, None
        if finish is None:
            return
        if error_type is None:
            finish(self, _UNSET)
            return
        self.attributes[semconv.ERROR_TYPE] = _text(error_type, self._limits.span_text)
        finish(self, Status(StatusCode.ERROR, _text(message, self._limits.span_text)))


def configure(
    endpoint: str, service_name: str, instance_id: str, *, version: str = "", limits: Limits = DEFAULTS
) -> OtelTracing:
    """Tracing to a collector, or to Jaeger, over OTLP/gRPC.

    Args:
        endpoint: ``http://HOST:4317``, or https, which trusts the system's authorities or those that OpenTelemetry's
            variable ``OTEL_EXPORTER_OTLP_CERTIFICATE`` names. A collector's key goes in ``OTEL_EXPORTER_OTLP_HEADERS``.
        service_name: what the traces call this program.
        instance_id: which copy of it this is.
        version: of the program.

    Raises:
        ValueError: ``endpoint`` is no such address.
    """
    address = urlsplit(endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname or address.path not in {"", "/"}:
        raise ValueError(f"a trace endpoint is written http://HOST:4317 or https://HOST:4317, not {endpoint!r}")
    # Spans go past whatever proxy the environment names. (The annotation knows one option of text.)
    options = cast("Any", (("grpc.enable_http_proxy", 0),))
    target = f"{address.scheme}://{address.netloc}{'' if address.port else ':4317'}"
    exporter = OTLPSpanExporter(target, insecure=address.scheme == "http", channel_options=options)
    names = {semconv.SERVICE_NAME: service_name, semconv.SERVICE_INSTANCE: instance_id}
    return _batched(exporter, Resource.create(names | ({"service.version": version} if version else {})), limits)


def _batched(exporter: SpanExporter, resource: Resource, limits: Limits) -> OtelTracing:
    provider = TracerProvider(ParentBased(ALWAYS_ON), resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=limits.span_queue))
    return OtelTracing(provider, limits=limits, cut=exporter.shutdown)


@contextmanager
def activate(context: TraceContext) -> Generator[None]:
    """Make ``context`` the parent of the spans that other libraries begin in this block, in this task."""
    token = otel_context.attach(trace.set_span_in_context(trace.NonRecordingSpan(_span_context(context, remote=False))))
    try:
        yield
    finally:
        otel_context.detach(token)


def instrument_third_party_grpc(provider: trace.TracerProvider) -> list[grpc.aio.ClientInterceptor]:
    """Interceptors of opentelemetry-instrumentation-grpc, for a channel to a server that is not of the mesh.

    ``grpc.aio.insecure_channel(target, interceptors=instrument_third_party_grpc(tracing.provider))``; calls under
    ``activate`` join the trace. What to know of that package (beta; seen in 0.66b2):

    * Never on the mesh's own channels, which have spans already; so not by ``GrpcAioInstrumentorClient().instrument()``
      either, which changes every channel that is made afterwards.
    * The span of a call that is cancelled, or that ``asyncio.wait_for`` gives up, never ends and is never sent.
    * Errors are recorded twice, under the older names ``rpc.grpc.status_code`` and ``net.peer.*``.
    * It sends OpenTelemetry's baggage along: keep no secret in it.
    * A channel takes a seventh to a quarter fewer calls a second, sampled or not.
    """
    untyped: Any = importlib.import_module("opentelemetry.instrumentation.grpc")
    return list(untyped.aio_client_interceptors(tracer_provider=provider))
