"""The names that kill switches may have: a switch for a name that nobody has stops nothing, and hides a slip."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from meshgate.a2a.errors import MeshError
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT, in_tenant
from meshgate.gateway.identity.keys import KeyStore
from meshgate.registry.index import Index
from meshgate.registry.model import Switch

__all__ = ["UnknownName", "not_thrown", "switch_names", "unknown_name"]


class UnknownName(MeshError):
    """Nobody has the name that a kill switch is for."""

    code, summary = "UNKNOWN_NAME", "nobody has this name"


def switch_names(kind: str, table: Index, keys: KeyStore) -> set[str]:
    """The names that are known of a kind other than jobs, as switches spell them."""
    entries = [entry for entry in table.entries.values() if entry.instance.kind == "agent"]
    if kind == "agent":
        return {in_tenant(entry.instance.tenant, entry.instance.agent) for entry in entries}
    if kind == "skill":
        return {in_tenant(one.instance.tenant, skill.skill) for one in entries for skill in one.manifest.skills}
    if kind == "tenant":
        return {DEFAULT_TENANT, *(one.instance.tenant for one in entries), *(key.tenant for key in keys.records())}
    agents = {in_tenant(one.instance.tenant, f"agent:{one.instance.agent}") for one in entries}
    return agents | {in_tenant(key.tenant, key.name) for key in keys.records() if key.kind == "client"}


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The refusal of a switch for what nobody has."""
    if kind == "job":
        return UnknownName(f"no gateway knows job {name[:100]!r}: it has ended long ago, or its id is another one")
    return UnknownName(
        f"there is no {kind} {name[:100]!r}{_near(name, known)}; --ahead switches it off before it comes"
    )


def not_thrown(switch: Switch, thrown: Iterable[Switch]) -> UnknownName:
    """The refusal to lift a switch that is not thrown."""
    others = [one.name for one in thrown if one.kind == switch.kind]
    return UnknownName(f"no switch is thrown for {switch.kind} {switch.name[:100]!r}{_near(switch.name, others)}")


def _near(name: str, known: Iterable[str]) -> str:
    # The same name in another tenant is nearer than one that looks like it.
    listed = sorted(known)
    found = [one for one in listed if one.rpartition(":")[2] == name] or get_close_matches(name, listed, 1)
    return f"; did you mean {found[0]!r}?" if found else ""
