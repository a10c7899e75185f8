"""Another release of the agent answers when none of the chosen release's instances can be asked."""

from __future__ import annotations

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply

__all__ = ["Failover"]


class Failover:
    """Goes to the next route if nothing was sent on the one before.

    An instance is exchanged for another of its release further in, where a call is in that release's words already.
    This stands outside, so that the next release's words are found anew.
    """

    name = "failover"

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        try:
            return await forward(call)
        except MeshError as error:
            if not error.unsent or call.route is None:
                raise
            for route in call.route.others:
                try:
                    return await forward(msgspec.structs.replace(call, route=route))
                except MeshError as further:
                    if not further.unsent:
                        raise
            raise
