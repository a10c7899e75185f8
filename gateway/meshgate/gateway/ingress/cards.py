"""The cards the gateway serves: an agent's own, with the gateway's addresses; one skill's; and the gateway's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from meshgate.a2a.bindings.base import Binding
from meshgate.a2a.bindings.table import GRPC_ROWS, HTTP_ROWS, Row
from meshgate.a2a.call import Principal
from meshgate.a2a.cards import interface, rewrite, strict
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.a2a.protocol_version import LEGACY_VERSION
from meshgate.a2a.selector import Selector
from meshgate.a2a.signatures.card_verifier import signatures_of
from meshgate.a2a.v0_3.cards import downgrade_card, merge_card
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.ingress.card_reader import PUBLIC, Reached, Shown
from meshgate.gateway.ingress.card_signatures import CardSignatures
from meshgate.gateway.ingress.variants import PLAIN, Variant
from meshgate.gateway.push.feed_source import feeding_of
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.settings import Settings
from meshgate.registry.groups import Group
from meshgate.registry.index import version_order
from meshgate.registry.model import Manifest
from meshgate.registry.schemas import Release

__all__ = ["Cards"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Where(NamedTuple):
    """What the addresses of one card begin with, and the version that it is written in, "" for all of them."""

    base: str
    grpc: str
    variant: Variant
    version: str


class Cards:
    """Makes cards from the registry's content.

    Args:
        settings: the public addresses, and whether all cards list gRPC.
        version: this release's.
        signatures: signs the cards.
        http, grpc: the bindings that are served.
    """

    def __init__(
        self,
        routes: Routes,
        schemas: Catalogue,
        settings: Settings,
        version: str,
        signatures: CardSignatures,
        *,
        http: Sequence[Row[Binding]] = HTTP_ROWS,
        grpc: Sequence[Row[Binding]] = GRPC_ROWS,
    ) -> None:
        self._routes = routes
        self._schemas = schemas
        self._settings = settings
        self._version = version
        self._signatures = signatures
        # A client may take the first address of a binding that it knows, whatever the version: the newest is first.
        self._http = sorted(http, key=lambda row: row.version, reverse=True)
        self._grpc = sorted(grpc, key=lambda row: row.version, reverse=True)

    @property
    def published_keys(self) -> bytes:
        """The public keys of the signatures, as a JSON Web Key Set (RFC 7517)."""
        return self._signatures.published

    @property
    def has_more(self) -> bool:
        """Whether the gateway's own card has an extended one: any key may show more than is shown without one. Which
        keys do is nobody's to know.
        """
        return self._settings.public_cards

    def card(
        self,
        target: Selector | None,
        callers: Sequence[Principal],
        origin: str,
        variant: Variant = PLAIN,
        asked: str = "",
    ) -> bytes | None:
        """The card of what ``target`` names, as JSON, or None if nobody of ``callers`` may use anything of that name.

        Args:
            callers: those whose permissions count together: the caller, and whoever has no key.
            origin: scheme, host and port of the request.
            variant: the card's form, which each HTTP address in it keeps.
            asked: the version that the request asks for. The variant's comes before it; one that is not served is none.
        """
        served = {row.version for row in self._http}
        if variant.version and variant.version not in served:
            return None
        where = self._where(origin, variant, variant.version or (asked if asked in served else ""))
        if target is None:
            return self._signatures.signed(_written(self._own(callers, where), where.version))
        shown = self.shown(target, callers)
        if shown is None:
            return None
        tree = self._agents(target, shown, shown.newest.manifest.card, shown.skills, where)
        return self._signatures.signed(_written(tree, where.version))

    def extended(
        self,
        target: Selector | None,
        caller: Principal,
        shown: Shown | None,
        own: Mapping[str, Any],
        reached: Reached | None,
        version: str,
        *,
        grpc: bool = False,
    ) -> dict[str, Any] | None:
        """The extended card of an agent or, without ``shown``, of the gateway, in A2A 1.0, signed for its reader.

        None if nobody knows an address for it.

        Args:
            own: the extended card that the agent gave; empty if it has none, for its public one.
            reached: how the caller reaches the gateway over HTTP, if it came that way.
            version: the one that it is read in: its signatures cover what is written then.
            grpc: whether it lists gRPC in any case.
        """
        port = self._settings.http_port
        usual = Reached(f"http://127.0.0.1:{port}" if port and self._settings.loopback else "")
        at = reached or usual
        where = self._where(at.origin, at.variant, version, grpc=grpc)
        if target is None or shown is None:
            tree = self._own([caller], where)
        else:
            card = own or shown.newest.manifest.card
            listed: list[Any] = own.get("skills") or []
            names = frozenset(one["id"] for one in listed if not target.skill)
            named = (name for name in names if self._routes.permits(caller, shown.newest, name))
            tree = self._agents(target, shown, card, shown.skills.union(named), where)
        if not tree["supportedInterfaces"]:
            return None
        if version != LEGACY_VERSION:
            signed: dict[str, Any] = msgspec.json.decode(self._signatures.signed(strict(tree)))
            return signed
        written: dict[str, Any] = msgspec.json.decode(self._signatures.signed(downgrade_card(tree)))
        return {**tree, **{key: value for key, value in written.items() if key == "signatures"}}

    def _where(self, origin: str, variant: Variant, version: str, *, grpc: bool = False) -> _Where:
        listed = grpc or variant.grpc or self._settings.card_grpc
        base = self._settings.base_url or origin
        return _Where(base, self._grpc_address(origin) if listed else "", variant, version)

    def _grpc_address(self, origin: str) -> str:
        """``host:port`` at which who asked reaches gRPC; "" if that cannot be known."""
        settings = self._settings
        if settings.grpc_address or not settings.grpc_port:
            return settings.grpc_address
        host = urlsplit(origin).hostname or ""
        # Who reaches HTTP under another name than loopback comes through something that may not pass gRPC on.
        if settings.base_url or not host or (settings.loopback and host not in _LOOPBACK):
            return ""
        return f"[{host}]:{settings.grpc_port}" if ":" in host else f"{host}:{settings.grpc_port}"

    def _interfaces(self, path: str, label: str, where: _Where) -> list[dict[str, str]]:
        found = [interface(f"{where.base}{path}", row.id, row.version) for row in self._http if where.base]
        for row in self._grpc if where.grpc else ():
            # The label routes on the shared gRPC address; clients echo it (section 8.3.2). Those of 0.3 know no label.
            if not label:
                found.append(interface(where.grpc, row.id, row.version))
            elif row.version != LEGACY_VERSION:
                found.append({**interface(where.grpc, row.id, row.version), "tenant": label})
        found.sort(key=lambda one: one["protocolVersion"], reverse=True)
        return [one for one in found if where.version in ("", one["protocolVersion"])]

    def _usable(self, callers: Sequence[Principal]) -> Iterable[Group]:
        """What any of the callers may use, the first caller's first."""
        found: dict[tuple[str, ...], Group] = {}
        for caller in callers:
            for group in self._routes.usable(caller):
                found.setdefault(_name(group), group)
        return found.values()

    def shown(self, target: Selector, callers: Sequence[Principal]) -> Shown | None:
        """The agent whose card ``target`` names for ``callers``, or None if they may use nothing of that name."""
        groups = [group for group in self._usable(callers) if _covers(group, target)]
        # Agents of two tenants may have one name: they are two agents, and have two cards.
        groups = [group for group in groups if _tenant(group) == _tenant(groups[0])]
        if target.skill:
            routes = next(filter(None, (self._routes.find(target, caller) for caller in callers)), ())
            groups = [
                group
                for group in groups
                if routes and (group.agent, group.version) == (routes[0].agent, routes[0].version)
            ]
        if not groups:
            return None
        # A group holds every instance of one version of a skill: releases of the agent may have that version in common.
        entries = {entry.instance.id: entry for group in groups for entry in group.entries}
        newest = max(entries.values(), key=lambda entry: version_order(entry.manifest.version))
        alike = tuple(each for each in entries.values() if each.instance.manifest == newest.instance.manifest)
        found = Shown(newest, alike, frozenset(group.skill for group in groups), more=False)
        return found._replace(more=found.has_own or self._shows_more(groups))

    def _shows_more(self, groups: Sequence[Group]) -> bool:
        """Whether some of these are not shown without a key, where others are."""
        if not self._settings.public_cards:
            return False
        public = {_name(group) for group in self._routes.usable(PUBLIC)}
        return any(_name(group) not in public for group in groups)

    def _agents(
        self, target: Selector, shown: Shown, given: Mapping[str, Any], skills: frozenset[str], where: _Where
    ) -> dict[str, Any]:
        """The card that an agent gave, as the gateway serves it, with these skills."""
        path, newest = where.variant.path(target), shown.newest
        contracts = self._contracts(in_tenant(newest.instance.tenant, newest.instance.agent), skills)
        manifest = newest.manifest
        named = {"name": manifest.agent, "version": manifest.version}
        # What A2A requires must not be empty: readings of what is signed differ there.
        card = {**given, **{key: value for key, value in named.items() if not given.get(key)}}
        return rewrite(
            card,
            self._interfaces(path, target.text, where),
            skills=skills,
            push=feeding_of(manifest, self._settings.base_url) != "",
            contracts=contracts,
            provenance=_origin(manifest),
            extended=shown.more,
        )

    def _contracts(self, agent: str, skills: frozenset[str]) -> dict[str, Any]:
        """For each skill with a contract, the releases that callers may speak, the oldest first."""
        found: dict[str, Any] = {}
        for skill in sorted(skills):
            known = self._schemas.subject(f"{agent}/{skill}")
            if known is not None:
                served = [each for each in known.releases.values() if each.served]
                found[skill] = {"releases": [_release(each) for each in served]}
        return {"skills": found} if found else {}

    def _own(self, callers: Sequence[Principal], where: _Where) -> dict[str, Any]:
        skills: dict[str, dict[str, Any]] = {}
        for group in self._usable(callers):
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
        return rewrite(card, self._interfaces("/", "", where), push=True, extended=self.has_more)


def _written(tree: dict[str, Any], version: str) -> dict[str, Any]:
    """A card of 1.0 in the form of a version, or in a form that readers of each can take."""
    if not version:
        return merge_card(tree)
    # Who asks for 1.0 alone is a reader that is strict; others read the card of both versions.
    return downgrade_card(tree) if version == LEGACY_VERSION else strict(tree)


def _origin(manifest: Manifest) -> dict[str, Any] | None:
    """What is known of the origin of a foreign agent's card, with the signatures that say so."""
    known = manifest.provenance
    if known is None:
        return None
    signed = [{"protected": one.protected, "signature": one.signature} for one in signatures_of(manifest.card)]
    said = {
        "verdict": known.verdict,
        "cardHash": known.hash,
        "since": datetime.fromtimestamp(int(known.at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "key": known.key,
        "jku": known.jku,
        "signatures": signed,
    }
    return {name: value for name, value in said.items() if value}


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


def _name(group: Group) -> tuple[str, ...]:
    return _tenant(group), group.agent, group.skill, group.version


def _tenant(group: Group) -> str:
    return group.entries[0].instance.tenant


def _covers(group: Group, target: Selector) -> bool:
    return group.skill == target.skill if target.skill else group.agent == target.agent
