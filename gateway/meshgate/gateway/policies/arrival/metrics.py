"""Call metrics: counts each call and its seconds, by agent, by outcome and by what became of its task."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.task_event import task_event
from meshgate.gateway.facts import Arrived
from meshgate.gateway.observe.call_outcome import call_outcome, task_outcome
from meshgate.gateway.observe.metrics import Metrics

__all__ = ["CallMetrics"]

_NOT_SAID = Arrived()


class CallMetrics:
    """Counts a call when it has ended. The chain tells it of the agent (``policy.Observer``)."""

    name = "metrics"

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._agents: dict[str, str] = {}
        """The agents of the calls that are open, by the call's id; "" until the agent is known."""

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        self._agents[call.id] = ""
        began, task = self._clock(), ""

        def note(event: Payload) -> Payload:
            nonlocal task
            task = task_event(event)[1] or task
            return event

        def ended(outcome: Outcome) -> None:
            agent, seconds = self._agents.pop(call.id), self._clock() - began
            binding = (call.fact(Arrived) or _NOT_SAID).binding
            how = call_outcome(outcome.error, outcome.state)
            self._metrics.call(agent, call.method.name, binding, how, seconds, task_outcome(task))

        try:
            reply = await forward(call)
        except BaseException as error:
            ended(Outcome("failed", error))
            raise
        return reply.map(note).on_end(ended)

    def saw(self, call: Call, /) -> None:
        """Note the agent, once it is known."""
        route = call.route
        if route is not None and call.id in self._agents:
            self._agents[call.id] = route.agent
