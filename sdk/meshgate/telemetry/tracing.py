"""Traces: where a call stands in one (W3C Trace Context), whether it is recorded, and what a span is.

Contexts are always there and cost a microsecond; spans exist only for calls that are sampled. What turns spans into
OpenTelemetry's stands in ``meshgate.telemetry.otlp`` and needs the extra ``otel``; nothing here does.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits

if TYPE_CHECKING:
    from meshgate.telemetry.otlp import OtelTracing

__all__ = [
    "AttributeValue",
    "Ids",
    "Kind",
    "MissingExtra",
    "NoTracing",
    "Sampler",
    "Span",
    "TraceContext",
    "Tracing",
    "child",
    "configure",
    "format_traceparent",
    "new_context",
    "parse_traceparent",
    "parse_tracestate",
]

AttributeValue = str | bool | int | float | Sequence[str]
Kind = Literal["server", "client", "internal"]


class TraceContext(msgspec.Struct, frozen=True):
    """A place in a trace."""

    trace_id: str
    """32 hexadecimal digits, lower case, not all zero."""
    span_id: str
    """16 hexadecimal digits, lower case, not all zero."""
    sampled: bool
    """Whether what happens here is recorded."""
    state: str = ""
    """``tracestate``: what other vendors carry along."""


class Ids:
    """Makes ids of traces and spans.

    Args:
        rng: where they come from. They are labels, not secrets.
    """

    __slots__ = ("_bits",)

    def __init__(self, rng: random.Random) -> None:
        self._bits = rng.getrandbits

    def trace(self) -> str:
        """A new trace id."""
        return f"{self._bits(128) or 1:032x}"

    def span(self) -> str:
        """A new span id."""
        return f"{self._bits(64) or 1:016x}"


def new_context(sampled: bool, ids: Ids) -> TraceContext:
    """The root of a new trace."""
    return TraceContext(ids.trace(), ids.span(), sampled)


def child(context: TraceContext, ids: Ids) -> TraceContext:
    """A place below ``context`` in the same trace, recorded if ``context`` is."""
    return TraceContext(context.trace_id, ids.span(), context.sampled, context.state)


# --- the headers ---

_LENGTH = 55
_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
# One member of the list; values may hold anything printable but a comma and an equals sign.
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
_MEMBERS = 32


def parse_traceparent(text: str, state: str = "") -> TraceContext | None:
    """The place that the headers ``traceparent`` and ``tracestate`` name, or None if they name none.

    Follows W3C Trace Context, 3.2.2 and 4: a version above 00 is read as far as 00 goes, version ff and anything
    malformed is no context at all. A malformed ``state`` alone is dropped. Never raises.
    """
    text = text.strip(" \t")
    if not _LENGTH <= len(text) <= DEFAULTS.tracestate:
        return None
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (more is not None and version == "00"):
        return None
    return TraceContext(trace_id, span_id, int(flags, 16) & 1 == 1, parse_tracestate(state) if state else "")


def parse_tracestate(text: str) -> str:
    """``tracestate`` as it may be passed on: at most 512 characters of whole members, or "" if it is malformed.

    Follows W3C Trace Context, 3.3.1: at most 32 members, each key once. What is too long loses its last members,
    which are the oldest.
    """
    limit = DEFAULTS.tracestate
    if len(text) > 2 * limit:
        # The end is not looked at; the member that the cut went through goes with it.
        text = text[: 2 * limit].rpartition(",")[0]
    kept: dict[str, str] = {}
    for part in text.split(","):
        member = part.strip(" \t")
        if not member:
            continue
        key = member.partition("=")[0]
        if _MEMBER.fullmatch(member) is None or key in kept or len(kept) == _MEMBERS:
            return ""
        kept[key] = member
    size = 0
    for count, member in enumerate(kept.values()):
        size += len(member) + (1 if count else 0)
        if size > limit:
            return ",".join(list(kept.values())[:count])
    return ",".join(kept.values())


def format_traceparent(context: TraceContext) -> str:
    """The header ``traceparent`` that names ``context`` as the parent."""
    return f"00-{context.trace_id}-{context.span_id}-{'01' if context.sampled else '00'}"


# --- whether to record ---


class Sampler:
    """Records every job up to ``rate`` a second, and one in ``rest`` of those beyond.

    A caller from outside that asks for a record spends from the same rate, so that a flood of set bits is no flood of
    spans; one that asks for none is left alone. A caller without an opinion sends no ``traceparent``.

    Args:
        rate: jobs per second. As many may come at once; below 1, one may.
        clock: monotonic seconds.
        rest: which share of the others is recorded: one in so many. 0 is none of them.
    """

    __slots__ = ("_beyond", "_burst", "_clock", "_rate", "_rest", "_then", "_tokens")

    def __init__(self, rate: float, clock: Callable[[], float], rest: int = DEFAULTS.traces_beyond) -> None:
        if rate < 0 or rest < 0:
            raise ValueError(f"a sampler takes no negative numbers: rate={rate}, rest={rest}; 0 turns either off")
        self._rate, self._rest, self._clock = rate, rest, clock
        self._burst = max(rate, 1.0) if rate else 0.0
        self._tokens, self._then, self._beyond = self._burst, clock(), 0

    def sample(self, parent: TraceContext | None) -> bool:
        """Whether a job is recorded, given the context that its caller sent. Calls inside a job follow the job."""
        if parent is not None and not parent.sampled:
            return False
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._then) * self._rate)
        self._then = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        self._beyond += 1
        return self._rest > 0 and self._beyond % self._rest == 0


# --- spans ---


class Span(Protocol):
    """What happened at one place of a trace. Its reader is one task; it is not thread-safe."""

    def set(self, key: str, value: AttributeValue) -> None:
        """Add or replace an attribute. Long text is cut, and further keys are dropped, at the limits."""
        ...

    def link(self, context: TraceContext) -> None:
        """Say that this belongs to ``context`` too, without being its child."""
        ...

    def end(self, error_type: str | None = None, message: str = "") -> None:
        """It is over, as a failure if ``error_type`` is given. Only the first call counts."""
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
    """Keeps nothing."""

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
        """None: no span is recorded."""
        return None

    def close(self) -> None:
        """Nothing to stop."""


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
    try:
        from meshgate.telemetry import otlp as otel
    except ImportError as error:
        raise MissingExtra("traces to a collector need an extra: pip install 'meshgate[otel]'") from error
    return otel.configure(endpoint, service_name, instance_id, version=version, limits=limits)
