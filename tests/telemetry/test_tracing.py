"""Traces without OpenTelemetry."""

import os
import subprocess
import sys

from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.tracing import NoTracing
from tests.support.patience import patience
from tests.telemetry.contexts import SPAN, TRACE


def test_without_tracing_there_is_no_span_even_for_a_sampled_context() -> None:
    tracing = NoTracing()
    assert tracing.begin("SendMessage", "server", None, TraceContext(TRACE, SPAN, sampled=True), {}) is None
    tracing.close()


def test_contexts_need_no_opentelemetry_and_a_collector_names_what_it_needs() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None  # an import of it fails
from meshgate.telemetry import collector, ids, sampler, traceparent, tracing
try:
    collector.configure("http://127.0.0.1:4317", "x", "y")
except collector.MissingExtra as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience(50.0),
        check=True,
    )
    assert "pip install 'meshgate[otel]'" in done.stdout
