import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence

import grpc.aio
import msgspec
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.telemetry import semconv
from meshgate.telemetry.collector import configure as collector_tracing
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import child, new_context
from meshgate.telemetry.otlp import OtelTracing, activate, configure, instrument_third_party_grpc
from meshgate.telemetry.traceparent import format_traceparent, parse_traceparent
from meshgate.telemetry.tracing import Span
from tests.support import otlp
from tests.support.patience import patience
from tests.support.spans import IDS, JOB, PATIENT, send_job


class Clock:
    """Nanoseconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


class Kept:
    """Tracing whose ended spans stay here."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"service.name": "test"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = OtelTracing(provider, clock=self.clock)

    def begin(self, context: TraceContext, parent: TraceContext | None = None, name: str = "SendMessage") -> Span:
        span = self.tracing.begin(name, "server", parent, context, {})
        assert span is not None
        return span

    @property
    def spans(self) -> tuple[object, ...]:
        return self.exporter.get_finished_spans()


@pytest.fixture
def kept() -> Iterator[Kept]:
    keeping = Kept()
    yield keeping
    keeping.tracing.close()


@pytest.fixture
def collector() -> Iterator[otlp.Collector]:
    with otlp.collector() as running:
        yield running


def test_a_span_has_exactly_the_ids_of_its_context_and_of_its_parent(collector: otlp.Collector) -> None:
    tracing = configure(collector.endpoint, "gateway", "gw1", version="1.2.3", limits=PATIENT)
    parent = TraceContext("0000000000000000000000000000000a", "000000000000000b", sampled=True, state="rojo=1,congo=2")
    context = child(parent, IDS)
    attributes: dict[str, otlp.Value] = {semconv.METHOD: "GetTask", "flag": True, "n": 7, "x": 0.5, "list": ["a", "b"]}

    span = tracing.begin("GetTask", "server", parent, context, attributes)
    assert span is not None
    span.set(semconv.TASK_ID, "t1")
    span.end()
    tracing.close()

    (seen,) = collector.trace(parent.trace_id)
    assert (seen.trace_id, seen.span_id, seen.parent_id) == (parent.trace_id, context.span_id, parent.span_id)
    assert (seen.name, seen.kind, seen.failed, seen.state) == ("GetTask", "server", False, "rojo=1,congo=2")
    assert seen.attributes == attributes | {semconv.TASK_ID: "t1"}
    assert (seen.service, seen.resource["service.instance.id"]) == ("gateway", "gw1")
    assert seen.resource["service.version"] == "1.2.3"


def test_spans_keep_to_the_limits_of_the_settings(collector: otlp.Collector) -> None:
    tracing = collector_tracing(collector.endpoint, "gateway", "gw1", limits=Limits(span_text=4, span_items=1))
    context = new_context(sampled=True, ids=IDS)
    span = tracing.begin("GetTask", "server", None, context, {"a": "abcdef", "b": "beyond"})
    assert span is not None
    span.end()
    tracing.close()

    (seen,) = collector.trace(context.trace_id)
    assert (len(seen.name), list(seen.attributes), len(str(seen.attributes["a"]))) == (4, ["a"], 4)


def test_a_context_that_is_not_sampled_has_no_span(kept: Kept) -> None:
    assert kept.tracing.begin("SendMessage", "server", None, new_context(sampled=False, ids=IDS), {}) is None
    assert kept.spans == ()


def test_opentelemetrys_own_switch_turns_spans_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    off = Kept()
    assert off.tracing.begin("SendMessage", "server", None, new_context(sampled=True, ids=IDS), {}) is None
    off.tracing.close()


def test_a_job_is_one_tree(collector: otlp.Collector) -> None:
    root = new_context(sampled=True, ids=IDS)
    send_job(collector.endpoint, root)
    assert collector.tree(root.trace_id).shape() == JOB


def test_a_tree_without_one_of_its_spans_is_refused(collector: otlp.Collector) -> None:
    root = new_context(sampled=True, ids=IDS)
    send_job(collector.endpoint, root)
    spans = collector.trace(root.trace_id)
    for gone in spans:
        rest = [span for span in spans if span is not gone]
        if any(span.parent_id == gone.span_id for span in spans):
            with pytest.raises(otlp.BrokenTree):
                otlp.tree_of(rest)
        else:
            otlp.tree_of(rest)
    with pytest.raises(otlp.BrokenTree):
        otlp.tree_of([*spans, spans[0]])
    with pytest.raises(otlp.BrokenTree):
        otlp.tree_of([])


def test_the_root_may_stand_below_a_caller_that_sends_no_spans(collector: otlp.Collector) -> None:
    outside = new_context(sampled=True, ids=IDS)
    tracing = configure(collector.endpoint, "gateway", "gw1", limits=PATIENT)
    span = tracing.begin("SendMessage", "server", outside, child(outside, IDS), {})
    assert span is not None
    span.end()
    tracing.close()

    assert collector.tree(outside.trace_id, below=outside.span_id).name == "SendMessage"
    with pytest.raises(otlp.BrokenTree):
        collector.tree(outside.trace_id)


def test_links_name_the_other_possible_parents(collector: otlp.Collector) -> None:
    tracing = configure(collector.endpoint, "gateway", "gw1", limits=PATIENT)
    context, others = new_context(sampled=True, ids=IDS), [new_context(sampled=True, ids=IDS) for _ in range(2)]
    span = tracing.begin("SendMessage", "server", None, context, {})
    assert span is not None
    for other in others:
        span.link(other)
    span.end()
    tracing.close()

    (seen,) = collector.trace(context.trace_id)
    assert seen.links == tuple((other.trace_id, other.span_id) for other in others)


def test_a_failure_has_its_code_and_its_message(collector: otlp.Collector) -> None:
    tracing = configure(collector.endpoint, "gateway", "gw1", limits=PATIENT)
    context = new_context(sampled=True, ids=IDS)
    span = tracing.begin("SendMessage", "client", None, context, {})
    assert span is not None
    span.end("RATE_LIMITED", "slower")
    tracing.close()

    (seen,) = collector.trace(context.trace_id)
    assert (seen.failed, seen.message, seen.attributes) == (True, "slower", {semconv.ERROR_TYPE: "RATE_LIMITED"})
    assert seen.kind == "client"


def test_a_span_ends_once(kept: Kept) -> None:
    span = kept.begin(new_context(sampled=True, ids=IDS))
    span.end()
    span.end("INTERNAL_ERROR", "too late")
    (seen,) = kept.exporter.get_finished_spans()
    assert seen.status.status_code is StatusCode.UNSET


def test_a_span_lasts_from_begin_to_end_on_the_given_clock(kept: Kept) -> None:
    began = kept.clock.now
    span = kept.begin(new_context(sampled=True, ids=IDS))
    kept.clock.now += 1500
    span.end()
    (seen,) = kept.exporter.get_finished_spans()
    assert (seen.start_time, seen.end_time) == (began, began + 1500)


def test_a_wall_clock_that_is_set_back_makes_no_span_of_negative_length(kept: Kept) -> None:
    span = kept.begin(new_context(sampled=True, ids=IDS))
    kept.clock.now -= 10**9
    span.end()
    (seen,) = kept.exporter.get_finished_spans()
    assert seen.end_time == seen.start_time


def test_what_a_span_holds_is_bounded(kept: Kept) -> None:
    span = kept.begin(new_context(sampled=True, ids=IDS), name="n" * 10_000)
    for n in range(1000):
        span.set(f"key{n}", "v" * 10_000)
        span.link(new_context(sampled=True, ids=IDS))
    span.set("key0", ["w" * 10_000] * 1000)
    span.end("e" * 10_000, "m" * 10_000)

    (seen,) = kept.exporter.get_finished_spans()
    assert seen.attributes is not None
    assert len(seen.attributes) == DEFAULTS.span_items + 1  # and what it failed with
    assert len(seen.links) == DEFAULTS.span_items
    assert seen.attributes["key0"] == ["w" * DEFAULTS.span_text] * DEFAULTS.span_items
    assert seen.attributes["key1"] == "v" * DEFAULTS.span_text
    assert seen.attributes[semconv.ERROR_TYPE] == "e" * DEFAULTS.span_text
    assert (seen.name, seen.status.description) == ("n" * DEFAULTS.span_text, "m" * DEFAULTS.span_text)


def test_text_that_is_no_unicode_does_not_take_other_spans_with_it(collector: otlp.Collector) -> None:
    tracing = configure(collector.endpoint, "gateway", "gw1", limits=PATIENT)
    contexts = [new_context(sampled=True, ids=IDS) for _ in range(2)]
    for context, text in zip(contexts, ("\ud800", "ü"), strict=True):
        span = tracing.begin(f"name {text}", "server", None, context, {"key": text})
        assert span is not None
        span.set("list", [text])
        span.end("CODE", text)
    tracing.close()

    (bad,), (good,) = (collector.trace(context.trace_id) for context in contexts)
    assert (bad.name, bad.attributes["key"], bad.attributes["list"], bad.message) == ("name ?", "?", ["?"], "?")
    assert (good.name, good.attributes["key"], good.attributes["list"], good.message) == ("name ü", "ü", ["ü"], "ü")


@pytest.mark.parametrize(
    "endpoint", ["localhost:4317", "http://", "grpc://localhost:4317", "http://localhost:4318/v1/traces", ""]
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="4317"):
        configure(endpoint, "gateway", "gw1")


def test_spans_go_past_a_proxy_that_the_environment_names(
    collector: otlp.Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    root = new_context(sampled=True, ids=IDS)
    send_job(collector.endpoint, root)
    assert collector.tree(root.trace_id).shape() == JOB


# --- a collector that does not answer ---


class Hanging(SpanExporter):
    """Sends nothing, and takes until its end to find out."""

    def __init__(self) -> None:
        self.began, self.over = threading.Event(), threading.Event()
        self.ended_by = list[threading.Thread]()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.began.set()
        self.over.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.ended_by.append(threading.current_thread())
        self.over.set()


def test_an_export_that_hangs_is_cut_off_at_the_end() -> None:
    exporter = Hanging()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1))
    limits = msgspec.structs.replace(DEFAULTS, span_close=0.1)
    tracing = OtelTracing(provider, limits=limits, cut=exporter.shutdown)
    span = tracing.begin("SendMessage", "server", None, new_context(sampled=True, ids=IDS), {})
    assert span is not None
    span.end()
    assert exporter.began.wait(patience())
    tracing.close()
    assert exporter.ended_by[0] is threading.current_thread()  # not the processor, which would have waited 30 s


@pytest.mark.requirement("trace.collector")
def test_a_collector_that_hangs_holds_up_no_call_and_what_does_not_fit_is_dropped(
    collector: otlp.Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    limits = msgspec.structs.replace(PATIENT, span_queue=1024)
    tracing = configure(collector.endpoint, "gateway", "gw1", limits=limits)
    collector.hold()
    root = new_context(sampled=True, ids=IDS)
    for _ in range(5 * limits.span_queue):
        span = tracing.begin("SendMessage", "server", None, child(root, IDS), {})
        assert span is not None
        span.end()
    collector.wait(lambda seen: seen.exports > 0)
    assert collector.spans == []
    collector.release()
    tracing.close()
    assert 0 < len(collector.spans) <= 2 * limits.span_queue


@pytest.mark.requirement("trace.collector")
def test_a_collector_that_is_not_there_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    with otlp.collector() as gone:
        endpoint = gone.endpoint
    send_job(endpoint, new_context(sampled=True, ids=IDS), msgspec.structs.replace(DEFAULTS, span_close=0.1))


# --- channels to others ---


def echo(data: bytes) -> bytes:
    return data


async def test_a_call_to_a_third_party_joins_the_trace(collector: otlp.Collector) -> None:
    tracing = configure(collector.endpoint, "agent", "a1", limits=PATIENT)
    root, quiet = new_context(sampled=True, ids=IDS), new_context(sampled=False, ids=IDS)
    span = tracing.begin("SendMessage", "server", None, root, {})
    assert span is not None
    received = list[TraceContext | None]()

    async def ask(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        received.append(parse_traceparent(metadata.get("traceparent", "")))
        return request

    server = grpc.aio.server()
    methods = {"Ask": grpc.unary_unary_rpc_method_handler(ask, echo, echo)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("third.Party", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    interceptors = instrument_third_party_grpc(tracing.provider)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", interceptors=interceptors) as channel:
        for context in (root, quiet):
            with activate(context):
                assert await channel.unary_unary("/third.Party/Ask", echo, echo)(b"hello") == b"hello"
    await server.stop(None)
    span.end()
    await asyncio.to_thread(tracing.close)

    tree = collector.tree(root.trace_id)
    (below,) = tree.children
    assert (below.span.kind, below.attributes["rpc.system"]) == ("client", "grpc")
    assert [found and format_traceparent(found) for found in received] == [
        f"00-{root.trace_id}-{below.span.span_id}-01",
        f"00-{quiet.trace_id}-{received[1].span_id if received[1] else ''}-00",
    ]
    assert collector.trace(quiet.trace_id) == []
