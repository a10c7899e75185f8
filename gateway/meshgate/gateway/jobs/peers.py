"""The other gateways of the mesh, as policies see them: how many live, what they know, and what they may hand out."""

from __future__ import annotations

from typing import Protocol

from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant

__all__ = ["ALONE", "Alone", "Peers"]


class Peers(Protocol):
    """What one gateway asks of the others. Nobody waits long: silence counts as an empty answer."""

    @property
    def live(self) -> int:
        """How many gateways live, this one included; never less than 1."""
        ...

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        """Calls in flight to ``agent`` at the other gateways."""
        ...

    async def lease(self, job: str, calls: int) -> Grant | None:
        """Calls from the home of ``job``; None if the home cannot be reached or does not know the job."""
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
