"""The circuit breaker's policy: keeps calls from an instance that fails, and lets one real call through as a probe."""

from __future__ import annotations

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.outcome import Outcome
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.outcome import classify

__all__ = ["BreakerGate"]


class BreakerGate:
    """Asks the instance's breaker for a permit, and tells it how the call ended."""

    name = "breaker"

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        chosen = call.fact(Chosen)
        if chosen is None:
            return await forward(call)
        instance = chosen.attempt.instance
        breaker = instance.breaker
        permit = breaker.enter()
        if permit is None:
            raise UpstreamUnavailable(
                f"{instance.id} failed lately: its breaker is open",
                retry_after=max(0.1, breaker.retry_after()),
                endpoint=instance.id,
                unsent=True,
            )
        try:
            reply = await forward(call)
        except BaseException as error:
            breaker.leave(permit, classify(error, alone=chosen.alone))
            raise

        def ended(outcome: Outcome) -> None:
            breaker.leave(permit, classify(outcome.error, alone=chosen.alone) if outcome.state != "cancelled" else None)

        return reply.on_end(ended)
