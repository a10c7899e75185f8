"""An OpenTelemetry collector inside the test, and spans as trees, wherever they were collected."""

import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.patience import patience

Value = str | bool | int | float | list[str]
Shape: TypeAlias = "tuple[str, list[Shape]]"

EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"
_KINDS = {
    trace_pb2.Span.SPAN_KIND_SERVER: "server",
    trace_pb2.Span.SPAN_KIND_CLIENT: "client",
    trace_pb2.Span.SPAN_KIND_INTERNAL: "internal",
}


@dataclass(frozen=True)
class Seen:
    """A span as it reached a collector."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    links: tuple[tuple[str, str], ...] = ()
    failed: bool = False
    message: str = ""
    state: str = ""

    @property
    def service(self) -> str:
        """The service that it comes from."""
        return str(self.resource.get("service.name", ""))


@dataclass(frozen=True)
class Node:
    """A span with those below it, earliest first."""

    span: Seen
    children: tuple["Node", ...]

    @property
    def name(self) -> str:
        """The span's."""
        return self.span.name

    @property
    def attributes(self) -> Mapping[str, Value]:
        """The span's."""
        return self.span.attributes

    def shape(self, label: Callable[[Seen], str] = lambda span: f"{span.service}:{span.name}") -> Shape:
        """`label` of each span, nested: `("a", [("b", [])])`."""
        return label(self.span), [child.shape(label) for child in self.children]

    def walk(self) -> Iterator[Seen]:
        """Every span of the tree, parents first."""
        yield self.span
        for child in self.children:
            yield from child.walk()


class BrokenTree(AssertionError):
    """Spans of one trace that are not one tree."""


def tree_of(spans: Iterable[Seen], *, below: str = "") -> Node:
    """The one tree that the spans of a trace make.

    Args:
        below: the span id of a caller whose own span was not collected; "" if the root has no parent.

    Raises:
        BrokenTree: a span's parent is missing, there is not exactly one root, or an id occurs twice.
    """
    known: dict[str, Seen] = {}
    children: defaultdict[str, list[Seen]] = defaultdict(list)
    for span in spans:
        if span.span_id in known:
            raise BrokenTree(f"two spans have the id {span.span_id}: {known[span.span_id].name} and {span.name}")
        known[span.span_id] = span
        children[span.parent_id].append(span)
    lost = [span for parent, those in children.items() for span in those if parent not in known and parent != below]
    if lost:
        raise BrokenTree(f"spans without their parent: {[(span.service, span.name, span.parent_id) for span in lost]}")
    if len(children[below]) != 1:
        raise BrokenTree(f"one root is wanted, there are {[(span.service, span.name) for span in children[below]]}")

    def node(span: Seen) -> Node:
        return Node(span, tuple(node(each) for each in sorted(children[span.span_id], key=lambda each: each.start)))

    return node(children[below][0])


@dataclass
class Collector:
    """The collector that `collector` gives. Its methods may be called from any thread; those that wait block theirs."""

    endpoint: str = ""
    spans: list[Seen] = field(default_factory=list[Seen])
    exports: int = 0
    """The number of requests that have arrived, held ones included."""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def trace(self, trace_id: str) -> list[Seen]:
        """The spans of a trace that have arrived."""
        with self._changed:
            return [span for span in self.spans if span.trace_id == trace_id]

    def tree(self, trace_id: str, *, below: str = "") -> Node:
        """See `tree_of`."""
        return tree_of(self.trace(trace_id), below=below)

    def wait(self, ready: Callable[["Collector"], bool]) -> None:
        """Returns once `ready` holds; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: ready(self), patience()):
                raise TimeoutError(f"the collector has {[(span.service, span.name) for span in self.spans]}")

    def wait_for(self, trace_id: str, count: int) -> None:
        """Returns once `count` spans of a trace have arrived."""
        self.wait(lambda seen: sum(span.trace_id == trace_id for span in seen.spans) >= count)

    def hold(self) -> None:
        """Receives exports, and answers none until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Undoes `hold`."""
        self._open.set()

    def export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        """The method of OTLP's TraceService."""
        with self._changed:
            self.exports += 1
            self._changed.notify_all()
        while not self._open.wait(0.02):
            if not context.is_active():  # the sender has given up
                return ExportTraceServiceResponse()
        with self._changed:
            self.spans.extend(read(request))
            self._changed.notify_all()
        return ExportTraceServiceResponse()


@contextmanager
def collector() -> Generator[Collector]:
    """A collector on a free port of loopback."""
    running = Collector()
    method = grpc.unary_unary_rpc_method_handler(
        running.export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(EXPORT, {"Export": method})])
    running.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield running
    finally:
        running.release()
        server.stop(None).wait(patience())


def read(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    """The spans in an export."""
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Seen(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=_KINDS[span.kind],
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    resource=resource,
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                    message=span.status.message,
                    state=span.trace_state,
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [item.string_value for item in value.array_value.values]
        case _:
            return value.string_value
