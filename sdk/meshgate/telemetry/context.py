"""A place in a trace (W3C Trace Context), as a value."""

from __future__ import annotations

import msgspec

__all__ = ["TraceContext"]


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
