"""Traces: W3C trace context, spans, attribute names, export over OTLP (extra ``otel``). May import ``a2a``."""
