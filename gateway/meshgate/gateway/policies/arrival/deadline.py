"""The deadline of a call: the caller's own, never later than its parent's, else the default."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidParams, UpstreamDeadline
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Head
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import DeadlineCut, Parents

__all__ = ["Deadline"]


class Deadline:
    """Sets ``call.deadline``. The attempt enforces it; every hop can only make it shorter.

    A caller that asked for more than ``max_deadline`` is told the seconds it got, in the reply's ``meshgate-deadline``.
    """

    name = "deadline"

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock

    def admit(self, call: Call, /) -> Call:
        now = self._clock()
        asked = call.headers.get(headers.DEADLINE)
        remaining = self._limits.deadline if asked is None else _read(asked)
        if asked is None and math.isfinite(call.deadline):
            remaining = call.deadline - now  # the binding (gRPC) carries deadlines itself, and has set this one
        cut = remaining > self._limits.max_deadline
        remaining = min(remaining, self._limits.max_deadline)
        if call.lineage is not None:
            remaining = min(remaining, call.lineage.remaining)
            parents = call.fact(Parents)
            if parents is not None and parents.parent is not None:
                remaining = min(remaining, parents.parent.remaining)
        if remaining <= 0:
            raise UpstreamDeadline("the call's deadline had passed when it arrived")
        call = msgspec.structs.replace(call, deadline=now + remaining)
        return call.with_fact(DeadlineCut(remaining)) if cut else call

    def replied(self, call: Call, reply: Reply, /) -> None:
        cut = call.fact(DeadlineCut)
        if cut is not None:
            told = {headers.DEADLINE: headers.deadline_text(cut.seconds)}
            reply.head = Head({**reply.head.headers, **told})


def _read(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidParams(f"{headers.DEADLINE}: {text[:40]!r} is no number of seconds")
    return seconds
