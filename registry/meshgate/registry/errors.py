"""The errors of a registry."""

from __future__ import annotations

from meshgate.a2a.errors import MeshError

__all__ = ["InstanceTaken", "RegistryUnavailable", "UnknownLease"]


class RegistryUnavailable(MeshError):
    """The registry's backend cannot be reached; what was last known stays in force."""

    code, retryable, summary = "REGISTRY_UNAVAILABLE", True, "the registry cannot be reached"


class UnknownLease(MeshError):
    """The instance has no lease, or no longer: it has to register again."""

    code, summary = "UNKNOWN_LEASE", "there is no such lease: register again"


class InstanceTaken(MeshError):
    """The instance id belongs to another agent: register under another id."""

    code, summary = "INSTANCE_TAKEN", "the instance id belongs to another agent"
