"""The start of the path: a call gets its id, its principal, and the fact that names the binding it came in by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Arrived
from meshgate.gateway.identity.authenticator import Authenticated

__all__ = ["Entrance", "edge"]


class Entrance(Protocol):
    """Gives the start of the path."""

    def __call__(self, binding: str, version: str, /) -> Handler:
        """The handler for calls that come in by one binding in one version of A2A."""
        ...


def edge(handler: Handler, binding: str, new_id: Callable[[], str], version: str = PROTOCOL_VERSION) -> Handler:
    """The handler for calls that come in by one binding.

    Args:
        handler: the path of a call.
        binding: the name of the binding, as agent cards spell it; "" for calls that are made in this process.
        new_id: makes ids of calls. They name things and protect nothing.
        version: of A2A.
    """
    arrived = Arrived(binding, version)

    def handle(call: Call) -> Awaitable[Reply]:
        known = call.fact(Authenticated)
        principal = known.principal if known is not None else call.principal
        facts = {**call.facts, Arrived: arrived}
        return handler(msgspec.structs.replace(call, id=new_id(), facts=facts, principal=principal))

    return handle
