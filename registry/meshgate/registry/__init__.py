"""Who runs where, what they can do, and which switches are thrown; and which of them answers to a selector.

``contract.py`` says what a registry does, ``model.py`` what it holds, ``selection.py`` how a selector is resolved. The
backends are ``memory.py``, ``file.py`` and ``consul.py``; :func:`open_registry` makes the one that a URL names.
"""

from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Table
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
    RegistryUnavailable,
    SchemaRef,
    Switch,
    UnknownLease,
)
from meshgate.registry.open import open_registry
from meshgate.registry.selection import ANY_SKILL, Explanation, Group, Scope, Verdict, catalogue, explain, select
from meshgate.registry.watcher import Watcher

__all__ = [
    "ANY_SKILL",
    "SWITCH_KINDS",
    "Capability",
    "Delta",
    "Endpoint",
    "Entry",
    "Explanation",
    "Group",
    "HealthCheck",
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
