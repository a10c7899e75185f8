"""Authorisation: what a principal may use. ``Authorizer`` is the interface; ``ScopeAuthorizer`` reads a key's scope."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from meshgate.a2a.call import Principal
from meshgate.registry.groups import Offer, Reason, Scope

__all__ = ["Authorizer", "Permitted", "ScopeAuthorizer"]


class Authorizer(Protocol):
    """Decides which skills of which instances a principal may use."""

    @property
    def revision(self) -> int:
        """Grows when a decision may have changed; cached routes are then computed again."""
        ...

    def key(self, principal: Principal, /) -> Hashable:
        """The cache key of decisions: principals with equal keys may use the same."""
        ...

    def permits(self, principal: Principal, offer: Offer, /) -> bool:
        """Whether the principal may use the offer. It is asked for each offer, and must not wait."""
        ...


class ScopeAuthorizer:
    """Permits what belongs to the principal's tenant and matches the patterns of its credential."""

    revision = 0

    def key(self, principal: Principal, /) -> Hashable:
        """See ``Authorizer.key``."""
        return principal.tenant, principal.agents, principal.skills

    def permits(self, principal: Principal, offer: Offer, /) -> bool:
        """See ``Authorizer.permits``."""
        return Scope(principal.tenant, principal.agents, principal.skills).refusal(offer) is None


class Permitted:
    """The permission of one principal, for a selection (``meshgate.registry.groups.Permission``)."""

    def __init__(self, authorizer: Authorizer, principal: Principal) -> None:
        self._authorizer = authorizer
        self._principal = principal

    def refusal(self, offer: Offer, /) -> tuple[Reason, str] | None:
        """Why the principal may not use an offer, or None."""
        return None if self._authorizer.permits(self._principal, offer) else ("not permitted", "the caller may not")
