"""Reads and writes the headers ``traceparent`` and ``tracestate`` (W3C Trace Context)."""

from __future__ import annotations

import re

from meshgate.a2a.limits import DEFAULTS
from meshgate.telemetry.context import TraceContext

__all__ = ["format_traceparent", "parse_traceparent", "parse_tracestate"]


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
    text = text.strip(" \t") if text else ""
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
