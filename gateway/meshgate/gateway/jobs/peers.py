"""The interface to the other gateways of the mesh: how many run, their calls in flight, and leases of a job's calls."""

from __future__ import annotations

from typing import Protocol

from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant

__all__ = ["ALONE", "Alone", "Peers"]


class Peers(Protocol):
    """The questions that one gateway asks the others. It waits for a short time: silence counts as an empty answer."""

    @property
    def live(self) -> int:
        """How many gateways run, this one included; never less than 1."""
        ...

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        """Calls in flight to ``agent`` at the other gateways, and those it has answered at a gateway without one."""
        ...

    async def lease(self, job: str, calls: int) -> Grant | None:
        """A lease of calls from the home of ``job``; None if the home cannot be reached or does not know the job."""
        ...


class Alone:
    """The peers of a gateway that is the only one."""

    live = 1

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        """Nobody else knows of any."""
        return []

    async def lease(self, job: str, calls: int) -> Grant | None:
        """There is no other home."""
        return None


ALONE = Alone()
