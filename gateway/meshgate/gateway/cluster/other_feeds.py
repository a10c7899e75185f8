"""The push configurations at the other gateways of the mesh, and the calls of agents that are for one of these."""

from __future__ import annotations

from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.cluster.questions import PUSH_CONFIGS, PUSH_DELETE, PUSH_HEARD
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.feeds import Feeds

__all__ = ["OtherFeeds"]


class OtherFeeds:
    """Asks the other gateways.

    Args:
        peers: them; None of a gateway that is alone.
        own: this gateway's id.
    """

    def __init__(self, peers: RemotePeers | None, feeds: Feeds, own: str) -> None:
        self._peers, self._feeds, self._own = peers, feeds, own

    async def of(self, task_id: str) -> list[Configuration]:
        """The configurations of a task at the others."""
        if self._peers is None:
            return []
        answers = await self._peers.ask_all(PUSH_CONFIGS, task_id)
        return [one for answer in answers.values() if isinstance(answer, list) for one in answer]

    async def remove(self, task_id: str, config_id: str) -> None:
        """Delete a configuration wherever it is."""
        if self._peers is not None:
            await self._peers.ask_all(PUSH_DELETE, task_id, config_id)

    async def hear(self, gateway: str, handle: str, upstream: str) -> bool:
        """Take the call of an agent to the gateway that waits for it; whether that is so."""
        if gateway == self._own:
            return self._feeds.hear(handle, upstream)
        if self._peers is None:
            return False
        answers = await self._peers.ask_all(PUSH_HEARD, handle, upstream, only=gateway)
        return answers.get(gateway) is True
