"""The cards the gateway serves: an agent's own, with the gateway's addresses; one skill's; and the gateway's."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from meshgate.a2a.bindings.table import GRPC_ROWS, HTTP_ROWS
from meshgate.a2a.call import Principal
from meshgate.a2a.cards import interface, rewrite
from meshgate.a2a.selector import Selector
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.routing.routes import Routes
from meshgate.registry.index import version_of
from meshgate.registry.schemas import Release
from meshgate.registry.selection import Group

__all__ = ["Cards"]


class Cards:
    """Makes cards from the registry's content.

    Args:
        base: the gateway's public URL, without a trailing slash; "" takes the request's own.
        grpc: ``host:port`` of the gRPC listener as clients reach it, or "".
    """

    def __init__(self, routes: Routes, schemas: Catalogue, *, base: str, grpc: str, version: str) -> None:
        self._routes = routes
        self._schemas = schemas
        self._base = base
        self._grpc = grpc
        self._version = version

    def card(self, target: Selector | None, principal: Principal, origin: str) -> bytes | None:
        """The card of what ``target`` names, as JSON, or None if the caller may use nothing of that name."""
        base = self._base or origin
        tree = self._own(principal, base) if target is None else self._agents(target, principal, base)
        return msgspec.json.encode(tree) if tree is not None else None

    @staticmethod
    def etag(card: bytes) -> str:
        """A strong validator of a card (RFC 9110, section 8.8.3)."""
        return '"' + hashlib.blake2b(card, digest_size=12).hexdigest() + '"'

    def _interfaces(self, path: str, label: str, base: str) -> list[dict[str, str]]:
        found = [interface(f"{base}{path}", row.id, row.version) for row in HTTP_ROWS]
        if self._grpc:
            # The label routes on the shared gRPC address; clients echo it (section 8.3.2).
            routed = {"tenant": label} if label else {}
            found += [{**interface(self._grpc, row.id, row.version), **routed} for row in GRPC_ROWS]
        return found

    def _agents(self, target: Selector, principal: Principal, base: str) -> dict[str, Any] | None:
        groups = [group for group in self._routes.usable(principal) if _covers(group, target)]
        if target.skill:
            routes = self._routes.find(target, principal)
            groups = [
                group
                for group in groups
                if routes and (group.agent, group.version) == (routes[0].agent, routes[0].version)
            ]
        if not groups:
            return None
        path = f"/skills/{target.text}" if target.skill else f"/agents/{target.agent}"
        newest = max(groups, key=lambda group: version_of(group.entries[0].manifest.version))
        skills = frozenset(group.skill for group in groups)
        card = newest.entries[0].manifest.card
        contracts = self._contracts(newest.agent, skills)
        return rewrite(card, self._interfaces(path, target.text, base), skills=skills, contracts=contracts)

    def _contracts(self, agent: str, skills: frozenset[str]) -> dict[str, Any]:
        """For each skill with a contract, the releases that callers may speak, the oldest first."""
        found: dict[str, Any] = {}
        for skill in sorted(skills):
            known = self._schemas.subject(f"{agent}/{skill}")
            if known is not None:
                served = [each for each in known.releases.values() if each.served]
                found[skill] = {"releases": [_release(each) for each in served]}
        return {"skills": found} if found else {}

    def _own(self, principal: Principal, base: str) -> dict[str, Any]:
        skills: dict[str, dict[str, Any]] = {}
        for group in self._routes.usable(principal):
            if group.capability is not None and group.skill not in skills:
                skills[group.skill] = {
                    "id": group.skill,
                    "name": group.skill,
                    "description": group.capability.description or f"{group.skill} of {group.agent}",
                    "tags": list(group.capability.tags) or [group.agent],
                }
        card: dict[str, Any] = {
            "name": "Meshgate",
            "description": "A gateway: call an agent at /agents/NAME, a skill at /skills/NAME@RANGE",
            "version": self._version,
            "skills": list(skills.values()),
            "capabilities": {"streaming": True},
        }
        return rewrite(card, self._interfaces("/", "", base))


def _release(release: Release) -> dict[str, str]:
    said = {
        "version": release.version,
        "stage": str(release.stage),
        "input": release.input.type if release.input is not None else "",
        "output": release.output.type if release.output is not None else "",
        "sunset": release.sunset,
        "notice": release.notice,
    }
    return {name: text for name, text in said.items() if text}


def _covers(group: Group, target: Selector) -> bool:
    return group.skill == target.skill if target.skill else group.agent == target.agent
