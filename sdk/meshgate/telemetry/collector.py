"""Connects the traces of a program to an OpenTelemetry collector, where the extra ``otel`` is installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from meshgate.a2a.limits import DEFAULTS, Limits

if TYPE_CHECKING:
    from meshgate.telemetry.otlp import OtelTracing

__all__ = ["MissingExtra", "check_installed", "configure"]


class MissingExtra(ImportError):
    """A part of the distribution is not installed; the message holds the line that installs it."""


def configure(
    endpoint: str, service_name: str, instance_id: str, *, version: str = "", limits: Limits = DEFAULTS
) -> OtelTracing:
    """Tracing to an OpenTelemetry collector, or to Jaeger, over OTLP/gRPC. See ``meshgate.telemetry.otlp.configure``.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        ValueError: ``endpoint`` is no such address.
    """
    check_installed()
    from meshgate.telemetry import otlp as otel

    return otel.configure(endpoint, service_name, instance_id, version=version, limits=limits)


def check_installed() -> None:
    """Check that OpenTelemetry can be imported, before anything depends on it.

    Raises:
        MissingExtra: it cannot; the message is the line that installs it.
    """
    try:
        importlib.import_module("meshgate.telemetry.otlp")
    except ImportError as error:
        raise MissingExtra("traces to a collector need an extra: pip install 'meshgate[otel]'") from error
