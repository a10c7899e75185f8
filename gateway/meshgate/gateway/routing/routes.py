"""The routes that match a selector for one caller, kept until the registry changes.

Authorisation is a filter: a skill that the caller may not use is not among the candidates, so absence and denial look
the same.
"""

from __future__ import annotations

from collections.abc import Hashable

from meshgate.a2a.call import Principal, Route
from meshgate.a2a.selector import Selector
from meshgate.gateway.identity.authorizer import Authorizer, Permitted
from meshgate.gateway.routing.known_names import KnownNames
from meshgate.registry.groups import Group, Offer
from meshgate.registry.index import Index, version_of
from meshgate.registry.model import Capability, Entry
from meshgate.registry.selection import catalogue, select

__all__ = ["Routes"]

_CACHE = 10_000
"""Most results that are kept: one for each selector, permission and skill that callers ask for."""
_NAMES = 100
"""Permissions whose names are kept."""


class Routes:
    """Collects the candidates of a selector: the one place where a caller's permissions are applied.

    Args:
        index: the registry's content, watched.
        authorizer: says what a caller may use; results are kept by its key until its revision changes.
    """

    def __init__(self, index: Index, authorizer: Authorizer) -> None:
        self._index = index
        self._authorizer = authorizer
        self._revisions = (-1, -1)
        self._names: dict[Hashable, KnownNames] = {}
        self._cache: dict[tuple[Selector, Hashable, str], tuple[Route, ...]] = {}

    def find(self, target: Selector, principal: Principal, skill: str = "") -> tuple[Route, ...]:
        """The routes that match ``target`` for this caller, best first."""
        self._forget()
        key = (target, self._authorizer.key(principal), skill)
        found = self._cache.get(key)
        if found is None:
            groups = select(self._index, target, Permitted(self._authorizer, principal), skill)
            found = self._cache[key] = tuple(_route(group, place, len(groups)) for place, group in enumerate(groups))
        return found

    def permits(self, principal: Principal, entry: Entry, skill: str) -> bool:
        """Whether this caller may use a skill of an instance, one also that its manifest does not list."""
        listed = (one for one in entry.manifest.skills if one.skill == skill)
        one = next(listed, None) or Capability(skill, entry.manifest.version)
        offer = Offer(entry, entry.instance.agent, skill, version_of(one.version), one.version, one)
        return self._authorizer.permits(principal, offer)

    def skills_of(self, route: Route) -> tuple[str, ...]:
        """The skills that the agent of a route declares."""
        entry = self._index.entries.get(route.instances[0])
        return tuple(one.skill for one in entry.manifest.skills) if entry is not None else ()

    def names(self, principal: Principal) -> KnownNames:
        """The names that this caller may use, for errors."""
        self._forget()
        key = self._authorizer.key(principal)
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = KnownNames(self.usable(principal))
        return found

    def usable(self, principal: Principal) -> tuple[Group, ...]:
        """Every skill that this caller may use, for cards."""
        return catalogue(self._index, Permitted(self._authorizer, principal))

    def view(self, principal: Principal) -> tuple[Hashable, tuple[int, int]]:
        """What ``usable`` depends on: a name of the caller's permissions, and the state of registry and permissions."""
        return self._authorizer.key(principal), (self._index.revision, self._authorizer.revision)

    def _forget(self) -> None:
        """Lets go of what was found before the registry or the permissions changed, and of too much."""
        revisions = self._index.revision, self._authorizer.revision
        if self._revisions != revisions or len(self._cache) > _CACHE or len(self._names) > _NAMES:
            self._cache.clear()
            self._names.clear()
            self._revisions = revisions


def _route(group: Group, place: int, count: int) -> Route:
    reason = f"{group.skill}@{group.version}: choice {place + 1} of {count}, {len(group.entries)} instances"
    # An agent that decides itself may use any of its skills.
    skills = group.entries[0].manifest.skills if group.capability is None else (group.capability,)
    reentrant = max((skill.reentrant for skill in skills), default=1)
    ids = tuple(entry.instance.id for entry in group.entries)
    first = group.entries[0]
    return Route(
        group.agent,
        group.skill,
        group.version,
        ids,
        reason,
        reentrant,
        group.contract,
        tenant=first.instance.tenant,
        foreign=first.manifest.foreign,
    )
