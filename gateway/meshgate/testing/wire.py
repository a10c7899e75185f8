"""The transport to an agent in the same process: it hands over what other transports send over a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.instance import Access, Health
from meshgate.gateway.upstream.send import Outbound, streamed
from meshgate.registry.model import Endpoint
from meshgate.testing.agents import Script

__all__ = ["LocalWire"]


class LocalWire:
    """Calls scripts by URL. A URL without a script is unreachable.

    Attributes:
        hung: URLs whose health route does not answer either.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.scripts: dict[str, Script] = {}
        self.hung: set[str] = set()
        self.sent: list[Outbound] = []

    async def send(self, out: Outbound) -> Reply:
        """See ``Wire.send``."""
        url, instance = out.attempt.endpoint.url, out.attempt.instance.id
        script = self.scripts.get(url)
        if script is None:
            raise UpstreamUnavailable(f"{instance} cannot be reached", endpoint=instance, unsent=True)
        out.attempt.sent = True
        self.sent.append(out)
        call = _arriving(out)
        try:
            answer = script(call)
            reply = await answer if inspect.isawaitable(answer) else answer
            return reply if reply.unary else await streamed(out.attempt, reply, self._clock, reply.aclose)
        except MeshError as error:
            error.endpoint = error.endpoint or instance
            raise

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        """See ``Wire.health``."""
        if endpoint.url in self.hung:
            return Health.SILENT
        return Health.WELL if endpoint.url in self.scripts else Health.FAILED

    def forget(self, endpoint: Endpoint) -> None:
        """Do nothing: no connection is kept."""

    async def aclose(self) -> None:
        """Do nothing: no connection is open."""


def _arriving(out: Outbound) -> Call:
    """The call as the agent would read it from the wire."""
    view = out.payload.view()
    task_id = getattr(view, "id", "") or getattr(getattr(view, "message", None), "task_id", "")
    return msgspec.structs.replace(
        out.call,
        payload=out.payload,
        headers=out.headers,
        task_id=task_id,
        facts={},
        route=None,
        lineage=None,
        target=None,
    )
