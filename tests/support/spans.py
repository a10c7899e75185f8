"""Spans of a job, as the programs of a mesh send them."""

import random

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids, child
from meshgate.telemetry.otlp import configure
from meshgate.telemetry.tracing import Kind, Span
from tests.support.otlp import Shape
from tests.support.patience import patience

IDS = Ids(random.Random(11))
PATIENT = msgspec.structs.replace(DEFAULTS, span_close=patience())
"""Limits with which a program that ends loses no span, however slow the machine is."""

# caller → gateway → agent → gateway → agent: the program, the side of the call, the method.
_HOPS: tuple[tuple[str, Kind, str], ...] = (
    ("caller", "client", "SendMessage"),
    ("gateway", "server", "SendMessage"),
    ("planner", "server", "SendMessage"),
    ("gateway", "server", "GetTask"),
    ("worker", "server", "GetTask"),
)
JOB: Shape = (
    "caller:SendMessage",
    [("gateway:SendMessage", [("planner:SendMessage", [("gateway:GetTask", [("worker:GetTask", [])])])])],
)
"""Its tree, as `Node.shape` gives it."""


def send_job(endpoint: str, root: TraceContext, limits: Limits = PATIENT) -> None:
    """Sends the spans of a job whose first one is `root`, each program over its own connection; the last one failed."""
    tracings = [configure(endpoint, service, f"{service}-1", limits=limits) for service, _, _ in _HOPS]
    opened = list[Span]()
    parent, context = None, root
    for tracing, (_, kind, name) in zip(tracings, _HOPS, strict=True):
        span = tracing.begin(name, kind, parent, context, {semconv.METHOD: name, semconv.JOB: "gw1.job"})
        assert span is not None
        opened.append(span)
        parent, context = context, child(context, IDS)
    opened.pop().end("TASK_NOT_FOUND", "there is no such task")
    for span in reversed(opened):
        span.end()
    for tracing in tracings:
        tracing.close()
