"""The rate limit: calls per second of one caller to one agent."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.gateway.jobs.rates import Rates

__all__ = ["RateLimit"]


class RateLimit:
    """Refuses calls that exceed the caller's rate to the agent and its burst."""

    name = "rate_limit"

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def admit(self, call: Call, /) -> Call:
        self._rates.take(call.principal, call.route.agent if call.route else "")
        return call
