"""Adds each attempt to its call's record: which instance, why that one, and how the attempt ended."""

from __future__ import annotations

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.records import Records
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.outcome import outcome_of

__all__ = ["RecordAttempt"]


class RecordAttempt:
    """Opens an attempt's record before it is sent, and closes it when its reply ends."""

    name = "record_attempt"

    def __init__(self, records: Records) -> None:
        self._records = records

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        chosen = call.fact(Chosen)
        if chosen is None:
            return await forward(call)
        attempt = chosen.attempt
        note = self._records.attempt(call.id, attempt.instance.id, attempt.endpoint.binding, chosen.reason)
        if note is None:
            return await forward(call)

        def ended(outcome: Outcome) -> None:
            error = outcome.error
            code = "" if error is None else getattr(error, "code", "")
            self._records.end_attempt(call.id, note, outcome_of(error, outcome.state), code)

        try:
            reply = await forward(call)
        except BaseException as error:
            ended(Outcome("failed", error))
            raise

        return reply.on_end(ended)
