"""Kill switches: a call that an operator has switched off is refused at every gateway that watches the registry."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.gateway.routing.switch_match import killed, matching
from meshgate.registry.groups import ANY_SKILL
from meshgate.registry.index import Index

__all__ = ["Kill"]


class Kill:
    """Refuses calls that match a kill switch: by agent, skill or key of a tenant, by tenant, or by job."""

    name = "kill"

    def __init__(self, table: Index) -> None:
        self._table = table

    def admit(self, call: Call, /) -> Call:
        switches = self._table.switches
        if not switches:
            return call
        switch = matching(switches, call, self._table)
        if switch is None:
            return call
        advice = ""
        if switch.kind == "skill" and call.route is not None and call.route.skill == ANY_SKILL:
            advice = "; the call does not say which skill it means: name another one"
        raise killed(switch, "is switched off", advice)
