"""Picks the instance: the less loaded of two taken at random, avoiding what just failed and what does not answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.observe.records import AttemptRecord, CallRecord, Records
from meshgate.gateway.routing.resolve import TaskRoute
from meshgate.gateway.upstream.instances import Attempt, Chosen, Instance, Instances
from meshgate.gateway.upstream.outcome import classify

__all__ = ["Balance"]


class Balance:
    """Chooses by "power of two choices" (Mitzenmacher 2001) on open calls and latency, and keeps account of the
    attempt.

    Args:
        bindings: the bindings that the egress can speak.
    """

    name = "balance"

    def __init__(
        self,
        instances: Instances,
        records: Records,
        metrics: Metrics,
        bindings: frozenset[str],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._instances = instances
        self._records = records
        self._metrics = metrics
        self._bindings = bindings
        self._clock = clock
        self._rng = rng

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        now = self._clock()
        if now >= call.deadline:
            raise UpstreamDeadline
        instance, why = self._pick(call)
        endpoint = instance.endpoint(self._bindings)
        if endpoint is None:
            raise UpstreamUnavailable(
                f"{instance.id} has no address in a binding that is spoken here", endpoint=instance.id
            )
        attempt = Attempt(call, instance, endpoint, now)
        trace = self._note(call, attempt, why, now)
        instance.attempts.add(attempt)
        attempt.start_deadline(call.deadline - now)
        try:
            reply = await forward(call.with_fact(Chosen(attempt)))
        except BaseException as error:
            left = isinstance(error, asyncio.CancelledError | GeneratorExit)
            self._finish(attempt, trace, error, "cancelled" if left else "failed")
            raise
        attempt.begun = True
        instance.observe(self._clock() - now)

        def ended(outcome: Outcome) -> None:
            self._finish(attempt, trace, outcome.error, outcome.state)

        return reply.on_end(ended)

    def _pick(self, call: Call) -> tuple[Instance, str]:
        route = call.route or Route("", "", "", ())
        known = [found for name in route.instances if (found := self._instances.get(name)) is not None]
        ready = [instance for instance in known if instance.ready()]
        fresh = [instance for instance in ready if instance.id not in call.avoid]
        keeper = call.fact(TaskRoute)
        if keeper is not None:
            for instance in fresh:
                if instance.id == keeper.instance:
                    return instance, "it keeps the task"
        pool = fresh or ready
        if not pool:
            waits = [instance.breaker.retry_after() for instance in known if instance.healthy]
            raise UpstreamUnavailable(
                f"none of the {len(known)} instances of {route.agent} answers now",
                retry_after=max(0.1, min(waits)) if waits else None,
                unsent=True,
            )
        if len(pool) == 1:
            return pool[0], f"the only one ready of {len(known)}"
        first, second = self._rng.sample(pool, 2)
        best = first if first.load() <= second.load() else second
        return best, f"the less loaded of two, {len(pool)} of {len(known)} ready"

    def _note(self, call: Call, attempt: Attempt, why: str, now: float) -> AttemptRecord | None:
        record = call.fact(CallRecord)
        if record is None:
            return None
        record.instance = attempt.instance.id
        note = AttemptRecord(attempt.instance.id, attempt.endpoint.binding, now - record.began, reason=why)
        record.attempts = [*record.attempts, note]
        self._records.routed(record)
        return note

    def _finish(self, attempt: Attempt, note: AttemptRecord | None, error: BaseException | None, state: str) -> None:
        attempt.stop()
        attempt.instance.attempts.discard(attempt)
        verdict = classify(error)
        outcome = "done" if error is None else {True: "answered", False: "failed", None: state}[verdict]
        self._metrics.attempt(attempt.instance.entry.instance.agent, outcome)
        if note is not None:
            began = attempt.call.fact(CallRecord)
            note.duration = self._clock() - (began.began if began is not None else 0.0) - note.began
            note.outcome, note.code = outcome, getattr(error, "code", "")
