"""The addresses of an agent that listens, as a value."""

from __future__ import annotations

import msgspec

__all__ = ["RunningAgent"]


class RunningAgent(msgspec.Struct, frozen=True):
    """An agent that listens."""

    url: str
    """Base URL of its JSON-RPC binding."""
    grpc: str
    """``host:port`` of its gRPC binding, or ""."""
    instance: str
    """Its instance id."""
