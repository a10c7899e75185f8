"""The balancer: picks the less loaded of two instances drawn at random, and avoids those that fail or do not answer."""

from __future__ import annotations

import random
from collections.abc import Callable

from meshgate.a2a.bindings.table import Key
from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import MeshError, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.routing.silent_instances import SilentInstances
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.instance import Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.gateway.upstream.outcome import outcome_of

__all__ = ["Balance"]

_NOWHERE = Route("", "", "", ())


class Balance:
    """Chooses by "power of two choices" (Mitzenmacher 2001) on open calls and latency, and opens the attempt.

    Args:
        bindings: the bindings that the egress can speak.
    """

    name = "balance"

    def __init__(
        self,
        instances: Instances,
        metrics: Metrics,
        bindings: frozenset[Key],
        limits: Limits,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._instances = instances
        self._metrics = metrics
        self._bindings = bindings
        self._clock = clock
        self._rng = rng
        self._silent = SilentInstances(limits, clock)

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        now = self._clock()
        if now >= call.deadline:
            raise UpstreamDeadline
        known = self._known(call.route or _NOWHERE)
        ready = [each for each in known if each.ready()]
        if not ready:
            await self._silent.wait(call, known + self._elsewhere(call))
            now, ready = self._clock(), [each for each in known if each.ready()]
        instance, why = self._pick(call, known, ready)
        endpoint = instance.endpoint(self._bindings)
        if endpoint is None:
            raise UpstreamUnavailable(
                f"{instance.id} has no address in a binding that this gateway speaks", endpoint=instance.id, unsent=True
            )
        attempt = Attempt(call, instance, endpoint, now)
        instance.attempts.add(attempt)
        attempt.start_deadline(call.deadline - now)
        try:
            reply = await forward(call.with_fact(Chosen(attempt, why, alone=len(ready) <= 1)))
        except BaseException as error:
            self._finish(attempt, error, "failed")
            if isinstance(error, MeshError) and not error.unsent:
                _observe_failure(instance, known, self._clock() - now)
            raise
        attempt.begun = True
        instance.observe(self._clock() - now)

        def ended(outcome: Outcome) -> None:
            self._finish(attempt, outcome.error, outcome.state)

        return reply.on_end(ended)

    def _elsewhere(self, call: Call) -> list[Instance]:
        return [each for route in (call.route or _NOWHERE).others for each in self._known(route)]

    def _known(self, route: Route) -> list[Instance]:
        return [found for name in route.instances if (found := self._instances.get(name)) is not None]

    def _pick(self, call: Call, known: list[Instance], ready: list[Instance]) -> tuple[Instance, str]:
        route = call.route or _NOWHERE
        keeper = call.fact(TaskRoute)
        if keeper is not None and keeper.instance not in call.avoid:
            for instance in ready:
                if instance.id == keeper.instance:
                    return instance, "it keeps the task"
        usable = ready if len(ready) == 1 else _weighted(ready)
        fresh = [instance for instance in usable if instance.id not in call.avoid] if call.avoid else usable
        pool = fresh or usable
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

    def _finish(self, attempt: Attempt, error: BaseException | None, state: str) -> None:
        attempt.stop()
        attempt.instance.attempts.discard(attempt)
        self._metrics.attempt(attempt.instance.entry.instance.agent, outcome_of(error, state))


def _weighted(pool: list[Instance]) -> list[Instance]:
    """The instances that have a weight; all if none has: one of weight 0 takes calls only where nothing else can."""
    return [each for each in pool if each.entry.instance.weight > 0] or pool


def _observe_failure(instance: Instance, known: list[Instance], took: float) -> None:
    """Add the usual latency of the other instances, if a call failed faster than that: an instance that fails at once
    is not a fast one. A slow failure adds nothing, or the instance would be without calls for long after it is well.
    """
    others = [each.latency for each in known if each is not instance and each.latency > 0]
    usual = sum(others) / len(others) if others else 0.0
    if took < usual:
        instance.observe(usual)
