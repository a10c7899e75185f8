"""Kill switches: a call that an operator has switched off is refused at every gateway that watches the registry."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.errors import Killed
from meshgate.registry.index import Index

__all__ = ["Kill"]


class Kill:
    """Refuses calls that match a kill switch: by agent, skill, tenant, key or job."""

    name = "kill"

    def __init__(self, table: Index) -> None:
        self._table = table

    def admit(self, call: Call, /) -> Call:
        switches = self._table.switches
        if not switches:
            return call
        route, lineage = call.route, call.lineage
        named = {
            ("agent", route.agent if route else ""),
            ("skill", route.skill if route else ""),
            ("tenant", call.principal.tenant),
            ("key", call.principal.id),
            ("job", lineage.job if lineage else ""),
        }
        for switch in switches:
            if (switch.kind, switch.name) in named:
                why = f": {switch.reason}" if switch.reason else ""
                raise Killed(
                    f"{switch.kind} {switch.name!r} is switched off{why}",
                    metadata={"switch": f"{switch.kind} {switch.name}"},
                )
        return call
