"""Reply headers that name the call: its id, its job and the instance that answered."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.extensions import BY_GATEWAYS, with_activated
from meshgate.a2a.outcome import Head
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Chosen

__all__ = ["Names"]


class Names:
    """Adds the reply headers ``meshgate-call``, ``meshgate-job`` and ``meshgate-instance``.

    They name as well which of the extensions that the caller asked for the gateway follows.
    """

    name = "names"

    def admit(self, call: Call, /) -> Call:
        return call

    def replied(self, call: Call, reply: Reply, /) -> None:
        found = {headers.CALL: call.id}
        if call.lineage is not None:
            found[headers.JOB] = call.lineage.job
        chosen = call.fact(Chosen)
        if chosen is not None:
            found[headers.INSTANCE] = chosen.attempt.instance.id
        if reply.head.headers:
            found = {**reply.head.headers, **found}
        reply.head = Head(with_activated(found, call.headers, BY_GATEWAYS))
