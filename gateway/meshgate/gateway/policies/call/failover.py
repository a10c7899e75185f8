"""Failover: another release of the agent answers when no instance of the chosen release can be reached."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Waited

__all__ = ["Failover"]


class Failover:
    """Goes to the next route if nothing was sent on the one before.

    The retry, further in, exchanges an instance for another one of the same release, after the schema policy converted
    the call to that release. Failover stands outside the schema policy, so that the call is converted again for the
    next release.
    """

    name = "failover"

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        others = call.route.others if call.route is not None else ()
        return self._try(call, others, forward) if others else forward(call)

    async def _try(self, call: Call, others: tuple[Route, ...], forward: Handler) -> Reply:
        try:
            return await forward(call)
        except MeshError as error:
            if not error.unsent:
                raise
            for route in others:
                try:
                    return await forward(msgspec.structs.replace(call, route=route).with_fact(Waited()))
                except MeshError as further:
                    if not further.unsent:
                        raise
            raise
