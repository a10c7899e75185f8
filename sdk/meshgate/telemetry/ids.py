"""Draws the ids of traces and spans."""

from __future__ import annotations

import random

from meshgate.telemetry.context import TraceContext

__all__ = ["Ids", "child", "new_context"]


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
