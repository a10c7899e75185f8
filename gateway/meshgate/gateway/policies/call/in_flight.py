"""Keeps a call in flight to its agent for as long as it is open, so that calls made meanwhile find their parent."""

from __future__ import annotations

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.gateway.jobs.in_flight import InFlight

__all__ = ["KeepInFlight"]


class KeepInFlight:
    """Opens the call in ``InFlight``, notes the state of its task, and closes it when its reply ends."""

    name = "in_flight"

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        entry = self._in_flight.open(call)
        try:
            reply = await forward(call)
        except BaseException as error:
            self._in_flight.close(entry, sent=not getattr(error, "unsent", False))
            raise

        def note(event: Payload) -> Payload:
            task, state, _ = task_event(event)
            if task:
                entry.task, entry.state = task, state
            return event

        def ended(_: Outcome) -> None:
            self._in_flight.close(entry)

        return reply.map(note).on_end(ended)
