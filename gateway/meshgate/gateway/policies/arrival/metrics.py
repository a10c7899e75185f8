"""Call metrics: counts each call and its seconds, by agent and by outcome."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Arrived
from meshgate.gateway.observe.call_outcome import call_outcome
from meshgate.gateway.observe.metrics import Metrics

__all__ = ["CallMetrics"]

_NOT_SAID = Arrived()


class CallMetrics:
    """Counts a call when it has ended. The chain tells it the agent (``policy.Observer``)."""

    name = "metrics"

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._open: dict[str, _OpenCall] = {}

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        binding = (call.fact(Arrived) or _NOT_SAID).binding
        entry = self._open[call.id] = _OpenCall(call.id, call.method.name, binding, self._clock())
        try:
            reply = await forward(call)
        except BaseException as error:
            self._count(entry, error, "failed")
            raise

        def ended(outcome: Outcome) -> None:
            self._count(entry, outcome.error, outcome.state)

        return reply.on_end(ended)

    def saw(self, call: Call, /) -> None:
        """Note the agent, once it is known."""
        route = call.route
        if route is not None and (entry := self._open.get(call.id)) is not None:
            entry.agent = route.agent

    def _count(self, entry: _OpenCall, error: BaseException | None, state: str) -> None:
        del self._open[entry.id]
        seconds = self._clock() - entry.began
        self._metrics.call(entry.agent, entry.method, entry.binding, call_outcome(error, state), seconds)


class _OpenCall:
    """The counted values of an open call. It keeps no payload."""

    __slots__ = ("agent", "began", "binding", "id", "method")

    def __init__(self, call_id: str, method: str, binding: str, began: float) -> None:
        self.id = call_id
        self.method = method
        self.binding = binding
        self.began = began
        self.agent = ""
