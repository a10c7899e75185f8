"""The values of the join port: a registration, and the answers to registering and renewing."""

from __future__ import annotations

import msgspec

from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.model import Instance, Lease, Manifest

__all__ = ["RegisterResponse", "Registration", "RenewResponse"]


class Registration(msgspec.Struct, frozen=True):
    """An instance that asks to join, with its manifest and schemas."""

    instance: Instance
    manifest: Manifest
    images: tuple[bytes, ...] = ()
    """Descriptor sets that the manifest's schemas name by hash; not read yet."""
    name_from_card: bool = False
    """Whether the agent's name was made from its card; then no other agent may have it."""
    credential: AgentCredential | None = None
    """What gateways show to a foreign agent. A secret."""


class RegisterResponse(msgspec.Struct, frozen=True):
    """What an instance is given when it registers."""

    lease: Lease
    call_key: str
    """The agent's own credential for its calls. A secret."""
    inbound_secret: str
    """What every gateway presents on its calls to the instance. A secret."""
    gateways: tuple[str, ...] = ()
    """Base URLs to call through, best first."""
    notices: tuple[str, ...] = ()
    """What the agent's author should know."""


class RenewResponse(msgspec.Struct, frozen=True):
    """What an instance is given when it renews; what is empty stays as it was."""

    lease: Lease
    call_key: str = ""
    gateways: tuple[str, ...] = ()
