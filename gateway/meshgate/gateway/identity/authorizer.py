"""What a principal may use."""

from __future__ import annotations

from meshgate.a2a.call import Principal
from meshgate.registry.groups import Scope

__all__ = ["scope_of"]


def scope_of(principal: Principal) -> Scope:
    """The scope of a principal's credential."""
    return Scope(principal.tenant, principal.agents, principal.skills)
