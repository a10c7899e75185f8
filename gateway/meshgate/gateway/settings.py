"""The settings that a gateway gets from its process: addresses, folders, policies."""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = ["LOCAL_DOMAIN", "Settings"]

LOCAL_DOMAIN = "agent.localhost"
"""The domain in the catalogue's identifiers where none is set: ARD's placeholder for what stays on one machine."""


class Settings(msgspec.Struct, frozen=True):
    """The settings of a gateway that depend on its process: public addresses, folders and added policies."""

    base_url: str = ""
    """The URL under which clients reach the data plane; "" takes each request's own."""
    grpc_address: str = ""
    """``host:port`` of the gRPC listener as clients reach it; "" takes each request's host, where that is known."""
    grpc_port: int = 0
    """Port of the gRPC listener; 0 if there is none."""
    http_port: int = 0
    """Port of the HTTP listener; 0 if there is none."""
    loopback: bool = True
    """Whether the listeners are on loopback alone."""
    card_grpc: bool = False
    """Whether all cards list gRPC, and not only those of the variant ``+grpc``."""
    public_cards: bool = False
    """Whether cards and the catalogue are shown without a key."""
    card_keys: tuple[Path, ...] = ()
    """PEM files of the keys that cards are signed with; keys that follow from the mesh key if empty."""
    catalogue_domain: str = LOCAL_DOMAIN
    """The domain in the catalogue's identifiers."""
    cors_origins: tuple[str, ...] = ()
    """Origins of the web pages that may read answers; ``*`` alone for all."""
    push_networks: tuple[str, ...] = ()
    """Networks that push notifications may go to, beside public addresses."""
    snapshot: Path | None = None
    """Where the last known registry is kept."""
    schemas: Path | None = None
    """The folder where the contracts of skills are kept for when the registry is away."""
    gateway_id: str = ""
    plugins: tuple[str, ...] = ()
    """Entry points of the group ``meshgate.policies`` whose policies are added."""
