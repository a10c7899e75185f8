"""The other gateways of the mesh, which are found in the registry."""

from __future__ import annotations

from typing import TypeVar

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.cluster.client import PeerClient, Unknown
from meshgate.gateway.cluster.questions import FLIGHTS, LEND, Question
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant
from meshgate.registry.index import Index

__all__ = ["RemotePeers"]

T = TypeVar("T")


class RemotePeers:
    """Asks the other gateways over their inspect ports, whose addresses are in the registry.

    Args:
        own: this gateway's id.
        limits: how long the path of a call, and the admin API, wait for an answer.
    """

    def __init__(self, index: Index, own: str, secret: str, limits: Limits = DEFAULTS) -> None:
        self._index = index
        self._own = own
        self._client = PeerClient(secret)
        self._limits = limits
        self._revision = -1
        self._live = 1

    @property
    def live(self) -> int:
        if self._revision != self._index.revision:
            others = sum(entry.instance.id != self._own for entry in self._index.gateways)
            self._live, self._revision = others + 1, self._index.revision
        return self._live

    def urls(self) -> dict[str, str]:
        """The inspect URLs of the other gateways, by id."""
        entries = [entry.instance for entry in self._index.gateways if entry.instance.id != self._own]
        return {entry.id: entry.endpoints[0].url for entry in entries if entry.endpoints}

    async def ask_all(
        self, question: Question[T], *arguments: object, patience: float | None = None, only: str = ""
    ) -> dict[str, T | Unknown | None]:
        """The answers of the other gateways, by gateway; ``only`` asks a single one.

        Args:
            patience: seconds to wait for them, else ``limits.peer_answer``.
        """
        patience = self._limits.peer_answer if patience is None else patience
        urls = {gateway: url for gateway, url in self.urls().items() if only in ("", gateway)}
        return await self._client.ask_all(urls, question, *arguments, patience=patience)

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        if self.live == 1:
            return []
        answers = await self.ask_all(FLIGHTS, agent, tenant, patience=self._limits.peer_patience)
        return [flight for flights in answers.values() if isinstance(flights, list) for flight in flights]

    async def lease(self, job: str, calls: int) -> Grant | None:
        url = self.urls().get(job.partition(".")[0])
        if url is None:
            return None
        # A home gateway that runs answers at once, and a call that waits for it is better off than one that is refused.
        grant = await self._client.ask(url, LEND, job, calls, patience=self._limits.lease_patience)
        return grant if isinstance(grant, Grant) else None

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()
