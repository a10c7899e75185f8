"""Spans of traces, and where they go.

Each call has a place in a trace (``context.TraceContext``), which costs a microsecond; spans exist only for calls that
are sampled. ``meshgate.telemetry.otlp`` hands them to OpenTelemetry, and alone needs the extra ``otel``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from meshgate.telemetry.context import TraceContext

__all__ = ["AttributeValue", "Kind", "NoTracing", "Span", "Tracing"]

AttributeValue = str | bool | int | float | Sequence[str]
Kind = Literal["server", "client", "internal"]


class Span(Protocol):
    """A span: one operation of a trace. It belongs to one asyncio task, and is not thread-safe."""

    def set(self, key: str, value: AttributeValue) -> None:
        """Add or replace an attribute. Long text is cut, and further keys are dropped, at the limits."""
        ...

    def rename(self, name: str) -> None:
        """Give it another name, once more is known of what it is for."""
        ...

    def link(self, context: TraceContext) -> None:
        """Say that this belongs to ``context`` too, without being its child."""
        ...

    def end(self, error_type: str | None = None, message: str = "") -> None:
        """End the span, as a failure if ``error_type`` is given. Only the first call counts."""
        ...


class Tracing(Protocol):
    """Takes spans to where they are kept. Nothing here ever blocks on that place, except ``close``."""

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        context: TraceContext,
        attributes: Mapping[str, AttributeValue],
        /,
    ) -> Span | None:
        """The span at ``context``, whose ids it has exactly; None when ``context`` is not sampled."""
        ...

    def close(self) -> None:
        """Send what has ended, for a second at most, and stop. It blocks, so call it in a thread or after the loop."""
        ...


class NoTracing:
    """Tracing that records nothing."""

    __slots__ = ()

    def begin(
        self,
        _name: str,
        _kind: Kind,
        _parent: TraceContext | None,
        _context: TraceContext,
        _attributes: Mapping[str, AttributeValue],
        /,
    ) -> Span | None:
        """Record no span: return None."""
        return None

    def close(self) -> None:
        """Nothing to stop."""
