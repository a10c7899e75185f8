"""The possible parents of a call that an agent makes without a lineage token."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.accounts import Accounts
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.peers import Peers

__all__ = ["PossibleParents"]


class PossibleParents:
    """Seeks them in three places and takes the first that has any: the calls in flight to the agent here, those at the
    other gateways, and the calls that the agent has answered at any of them.

    A call that was answered is a possible parent for as long as its job has calls and time left.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, in_flight: InFlight, accounts: Accounts, peers: Peers, clock: Callable[[], float]) -> None:
        self._in_flight = in_flight
        self._accounts = accounts
        self._peers = peers
        self._clock = clock

    def get(self, call_id: str) -> Flight | None:
        """The call that a token names, if it went through this gateway a short time ago."""
        return self._in_flight.get(call_id)

    def here(self, agent: str, tenant: str) -> list[Flight]:
        """Those that this gateway knows: the calls in flight, or else those answered. The likeliest is last."""
        return self._in_flight.find(agent, tenant) or self._answered(agent, tenant)

    async def find(self, agent: str, tenant: str, trace_id: str = "") -> list[Flight]:
        """Those of all gateways: either all in flight or all answered. The likeliest is last.

        Args:
            trace_id: the trace that the agent says it is in; calls of that trace count before others.
        """
        flying, answered = self._in_flight.find(agent, tenant), list[Flight]()
        if not flying or trace_id:
            answered = self._answered(agent, tenant)
            if same := _of_trace(flying, trace_id) or _of_trace(answered, trace_id):
                return same
        if flying:
            return flying
        others = await self._peers.in_flight(agent, tenant)
        flying = sorted((one for one in others if one.answered is None), key=lambda one: one.started)
        answered += [one for one in others if one.answered is not None]
        answered.sort(key=lambda one: -(one.answered or 0.0))
        return _of_trace(flying, trace_id) or _of_trace(answered, trace_id) or flying or answered

    def _answered(self, agent: str, tenant: str) -> list[Flight]:
        now = self._clock()
        found: list[Flight] = []
        for flight in self._in_flight.answered(agent, tenant):
            account = self._accounts.account(flight.job)
            left = account.time_left(now) if account is not None else 0.0
            if left > 0:
                found.append(msgspec.structs.replace(flight, remaining=left))
        return found


def _of_trace(flights: list[Flight], trace_id: str) -> list[Flight]:
    return [flight for flight in flights if trace_id and flight.trace_id == trace_id]
