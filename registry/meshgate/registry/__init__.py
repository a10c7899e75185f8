"""The registry: agents' instances, their skills, kill switches, and the selection of instances.

``interface`` says what a registry does, ``model`` what it holds; ``backends`` are its implementations, and
:func:`open_registry` opens the one that a URL names. ``watcher`` follows a registry into an ``index``, through outages
(``hold_down``, ``snapshot``); ``selection`` answers selectors from the index. ``join`` is the protocol of the join
port, ``schemas`` the contracts of skills.
"""

from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.groups import ANY_SKILL, Candidate, Explanation, Group, Scope
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import (
    SWITCH_KINDS,
    Capability,
    Delta,
    Endpoint,
    Entry,
    HealthCheck,
    Instance,
    Lease,
    Manifest,
    SchemaRef,
    Switch,
)
from meshgate.registry.open import open_registry
from meshgate.registry.selection import catalogue, explain, select
from meshgate.registry.watcher import Watcher

Table = Index
"""The name of :class:`Index` in 0.1."""
Verdict = Candidate
"""The name of :class:`Candidate` in 0.1."""

__all__ = [
    "ANY_SKILL",
    "SWITCH_KINDS",
    "Candidate",
    "Capability",
    "Delta",
    "Endpoint",
    "Entry",
    "Explanation",
    "Group",
    "HealthCheck",
    "Index",
    "Instance",
    "Lease",
    "Manifest",
    "MemoryRegistry",
    "Registry",
    "RegistryUnavailable",
    "SchemaRef",
    "Scope",
    "Switch",
    "Table",
    "UnknownLease",
    "Verdict",
    "Watcher",
    "catalogue",
    "explain",
    "open_registry",
    "select",
]
