"""The other gateways of the mesh, as policies see them: how many live, what they know, and what they may hand out."""

from __future__ import annotations

from typing import Protocol

import msgspec

from meshgate.a2a.mesh.lineage import Step

__all__ = ["ALONE", "Alone", "Flight", "Grant", "Peers"]


class Flight(msgspec.Struct, frozen=True):
    """A call in flight, as far as another call needs it to be its child."""

    id: str
    job: str
    path: tuple[Step, ...]
    remaining: float
    """Seconds that it still has."""
    started: float
    """Seconds since the epoch; the parent is the one started last."""
    trace_id: str = ""
    span_id: str = ""
    sampled: bool = False


class Grant(msgspec.Struct, frozen=True):
    """What a job's home hands to another gateway."""

    calls: int
    """Calls that may be made; 0 when the budget is used up."""
    seconds: float
    """Seconds that the job still has."""
    used: int
    limit: int
    concurrency: int
    job_seconds: float = 0.0


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
