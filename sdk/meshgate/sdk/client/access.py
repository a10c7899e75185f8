"""The way into the mesh, as a value: addresses and a key."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Access"]


class Access(msgspec.Struct, frozen=True):
    """The gateways or join ports to use, the key for them, and how they are reached."""

    urls: tuple[str, ...]
    """Base URLs, best first, without a slash at the end."""
    key: str
    transport: Any = None
    """An httpx transport, where they are not reached over the network."""
